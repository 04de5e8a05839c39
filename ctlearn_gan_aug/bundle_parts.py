"""What bundles of every kind are made of: a description, weights, the structure of a DL1 file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .camera import Camera
from .config.base import load_yaml, parse
from .config.bundle import TrainedMeta
from .errors import UserError


def read_description(
    path: Path, parts: Sequence[str], meta: type[TrainedMeta], kind: str, version: int
) -> TrainedMeta:
    """What a bundle says of itself.

    Parameters
    ----------
    path : Path
        Its folder.
    parts : sequence of str
        Names of its files, the description first.
    meta : type
        Of the description.
    kind : str
        What it is, for messages: ``generator`` or ``refiner``.
    version : int
        Format version that can be read.

    Raises
    ------
    UserError
        If it is no such bundle, incomplete, or of another version.
    """
    for name in parts:
        if not (path / name).is_file():
            raise UserError(
                f"{path}: is no {kind} bundle ({name} is missing); name the folder of one."
            )
    content = load_yaml(path / parts[0])
    found = content.get("format_version")
    if found != version:
        raise UserError(
            f"{path}: has {kind} bundle format {found}, this version reads {version}; "
            "train it again or install a matching version."
        )
    return parse(meta, content, path / parts[0])


def skeleton_camera(skeleton: Path, tel_id: int, focal_length_choice: str) -> Camera:
    """The camera of a telescope in a skeleton, whose focal length is ``EFFECTIVE`` or not."""
    from ctapipe.instrument import SubarrayDescription
    from ctapipe.instrument.optics import FocalLengthKind

    from .dl1.skeleton import check_safe

    check_safe(skeleton)
    choice = FocalLengthKind[focal_length_choice]
    subarray = SubarrayDescription.from_hdf(skeleton, focal_length_choice=choice)
    return Camera.from_subarray(subarray, tel_id)


def load_tensors(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a safetensors file by name.

    Raises
    ------
    UserError
        If it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: is damaged ({error}).") from None


def model_weights(model) -> dict[str, np.ndarray]:
    """Weights by layer name and position within the layer: layers are named by us."""
    return {
        f"{layer.name}/{i}": np.ascontiguousarray(value)
        for layer in model.layers
        for i, value in enumerate(layer.get_weights())
    }


def set_weights(model, path: Path) -> None:
    """Give a model the weights that a safetensors file holds, as `model_weights` named them.

    Raises
    ------
    UserError
        If they are not those of this architecture.
    """
    tensors = load_tensors(path)
    shapes = {name: value.shape for name, value in model_weights(model).items()}
    if shapes != {name: value.shape for name, value in tensors.items()}:
        raise UserError(
            f"{path}: its weights do not belong to the architecture that this version builds from "
            "the description beside it; train it again, or install what it lists under software."
        )
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}/{i}"] for i in range(len(layer.weights))])
