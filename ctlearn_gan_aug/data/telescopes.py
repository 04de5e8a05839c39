"""Which telescopes of the files' array are read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import UserError
from .inputs import InputFiles


def choose_telescopes(
    subarray, inputs: InputFiles, tel_types: Sequence[str] | None = None
) -> list[int]:
    """Telescopes of one type that have images.

    Parameters
    ----------
    subarray : ctapipe.instrument.SubarrayDescription
        The files' array.
    inputs : InputFiles
        The files.
    tel_types : sequence of str, optional
        Types as ``str(TelescopeDescription)``; needed if there are images of several.

    Raises
    ------
    UserError
        If there is no such telescope, one of several types, or their cameras differ.
    """
    path = inputs.all[0]
    type_of = {tel_id: str(tel) for tel_id, tel in subarray.tel.items()}
    known = ", ".join(sorted(set(type_of.values())))
    for tel_type in tel_types or ():
        if tel_type not in type_of.values():
            raise UserError(f"{path}: holds no telescope of type '{tel_type}', but {known}.")
    wanted = tel_types or set(type_of.values())
    chosen = [i for i in type_of if i in inputs.tel_ids and type_of[i] in wanted]
    found = sorted({type_of[i] for i in chosen})
    if len(found) > 1:
        raise UserError(
            f"{path}: holds several telescope types ({', '.join(found)}); choose one with "
            "'tel_type' (or allowed_tel_types of CTLearn's reader)."
        )
    if not chosen:
        types = ", ".join(sorted(wanted)) or "any"
        raise UserError(f"{path}: no file holds an image of a telescope of type {types}.")
    _check_cameras(subarray, chosen, path)
    return chosen


def _check_cameras(subarray, tel_ids: list[int], path: Path) -> None:
    """Refuse telescopes of one type that differ in what turns pixels into directions."""
    first = subarray.tel[tel_ids[0]].camera.geometry
    for tel_id in tel_ids[1:]:
        other = subarray.tel[tel_id].camera.geometry
        same_optics = np.isclose(first.frame.focal_length, other.frame.focal_length)
        if not (same_optics and other == first):
            raise UserError(
                f"{path}: telescopes {tel_ids[0]} and {tel_id} are both of type "
                f"{subarray.tel[tel_id]}, but differ in pixels, camera rotation or focal length; "
                "give files with one of them."
            )
