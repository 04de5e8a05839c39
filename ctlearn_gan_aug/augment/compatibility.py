"""Whether a generator's images fit a CTLearn training; each misfit is one clear error."""

import logging
from collections.abc import Sequence

import numpy as np

from ..camera import Camera
from ..data.channels import needs_peak_time
from ..errors import UserError

log = logging.getLogger(__name__)

#: Pointings closer than this (deg) count as the same.
_POINTING_MARGIN = 2.0
#: Share of exactly reproduced masks below which a cleaning is called approximate.
_CLEANING_AGREEMENT = 0.9


def check_particle(name: str, bundle) -> None:
    """Refuse a bundle listed under another particle's name; ``gamma_low`` may name a gamma."""
    particle = bundle.meta.particle
    if not name.startswith(particle):
        raise UserError(
            f"gan_augment.generators.{name}: {bundle.path} generates {particle}; list it as "
            f"'{particle}' or give a {name} bundle."
        )


def check_camera(bundle, camera: Camera) -> None:
    """Refuse a bundle of another camera than the training files'."""
    if not bundle.camera.same_as(camera):
        raise UserError(
            f"{bundle.path}: made for camera {_describe(bundle.camera)}, but the training files "
            f"have {_describe(camera)}; use a bundle trained on this camera."
        )


def warn_of_differences(bundle, reader) -> None:
    """Warn where generated images are usable but may differ from those of the training files."""
    theirs = reader.example_identifiers["telescope_pointing_altitude"].quantity.to_value("deg")
    ours = np.asarray(bundle.label_table["telescope_pointing_altitude"])
    if ours.max() + _POINTING_MARGIN < theirs.min() or theirs.max() < ours.min() - _POINTING_MARGIN:
        log.warning(
            "gan_augment: %s was trained on pointings at %.0f to %.0f deg altitude, the training "
            "files point at %.0f to %.0f deg.",
            bundle.path,
            ours.min(),
            ours.max(),
            theirs.min(),
            theirs.max(),
        )
    if bundle.cleaning.agreement < _CLEANING_AGREEMENT:
        log.warning(
            "gan_augment: the cleaning known to %s reproduces only %.0f%% of its training masks, "
            "so quality cuts and cleaned channels of generated images are approximate.",
            bundle.path,
            100 * bundle.cleaning.agreement,
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


def maps_to_grid(reader) -> bool:
    """Whether a mono reader maps its images to a square grid."""
    mapper = reader.image_mappers.get(reader.cam_name)
    return mapper is not None and mapper.index_matrix is None


def check_reader(reader) -> None:
    """Refuse reader modes and mappers that generated images cannot serve."""
    if reader.mode != "mono":
        raise UserError(
            f"gan_augment: mode '{reader.mode}' is not supported; generated images have one "
            "telescope each, so set mode: mono."
        )
    if not maps_to_grid(reader):
        raise UserError(
            "gan_augment: the reader does not map its images to a square grid; set "
            "image_mapper_type, for example to BilinearMapper."
        )


def _describe(camera: Camera) -> str:
    return f"{camera.name} ({camera.n_pixels} pixels, focal length {camera.focal_length:.2f} m)"
