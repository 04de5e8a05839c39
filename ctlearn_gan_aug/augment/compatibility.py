"""Whether a generator's images fit a CTLearn training; each misfit is one clear error."""

from collections.abc import Sequence

from ..camera import Camera
from ..errors import UserError
from .channels import needs_peak_time

#: Labels of which one must have conditioned the generator for a task to learn from its images.
_CONDITIONS = {
    "type": (),
    "energy": ("energy",),
    "cameradirection": ("cameradirection", "skydirection"),
    "skydirection": ("cameradirection", "skydirection"),
}


def check_particle(name: str, bundle) -> None:
    """Refuse a bundle listed under another particle's name."""
    if bundle.meta.particle != name:
        raise UserError(
            f"gan_augment.generators.{name}: {bundle.path} generates {bundle.meta.particle}; "
            f"list it under '{bundle.meta.particle}' or give a {name} bundle."
        )


def check_labels(bundle, tasks: Sequence[str]) -> None:
    """Refuse a bundle whose images do not follow a label the training learns."""
    for task in tasks:
        wanted = _CONDITIONS[task]
        if wanted and not set(wanted) & set(bundle.labels.names):
            raise UserError(
                f"{bundle.path}: its images do not follow {' or '.join(wanted)} (labels: "
                f"{', '.join(bundle.labels.names)}), so they cannot train the task '{task}'; "
                "train the generator with that label."
            )


def check_camera(bundle, camera: Camera) -> None:
    """Refuse a bundle of another camera than the training files'."""
    if not bundle.camera.same_as(camera):
        raise UserError(
            f"{bundle.path}: made for camera {_describe(bundle.camera)}, but the training files "
            f"have {_describe(camera)}; use a bundle trained on this camera."
        )


def check_channels(bundle, channels: Sequence[str]) -> None:
    """Refuse a bundle that lacks a channel the reader delivers."""
    needed = ["image", "peak_time"] if needs_peak_time(channels) else ["image"]
    for name in needed:
        if name not in bundle.meta.channels:
            raise UserError(
                f"{bundle.path}: generates only {', '.join(bundle.meta.channels)}, but the "
                f"reader's channels {', '.join(channels)} need {name}; remove them from "
                "'channels' or use a bundle trained with it."
            )


def check_reader_type(reader_type: str) -> None:
    """Refuse readers whose input is not made of DL1 images."""
    if reader_type != "DLImageReader":
        raise UserError(
            f"gan_augment: '{reader_type}' is not supported; generated images need DLImageReader."
        )


def check_reader(reader) -> None:
    """Refuse reader modes and mappers that generated images cannot serve."""
    if reader.mode != "mono":
        raise UserError(
            f"gan_augment: mode '{reader.mode}' is not supported; generated images have one "
            "telescope each, so set mode: mono."
        )
    mapper = reader.image_mappers.get(reader.cam_name)
    if mapper is None or mapper.index_matrix is not None:
        raise UserError(
            "gan_augment: the reader does not map its images to a square grid; set "
            "image_mapper_type, for example to BilinearMapper."
        )


def _describe(camera: Camera) -> str:
    return f"{camera.name} ({camera.n_pixels} pixels, focal length {camera.focal_length:.2f} m)"
