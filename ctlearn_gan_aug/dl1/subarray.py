"""The array that a DL1 file describes."""

import numpy as np

from ..errors import UserError


def read_subarray(h5file):
    """Read the array of a DL1 file, with effective focal lengths if the file knows them all.

    Parameters
    ----------
    h5file : path or tables.File
        The file.

    Returns
    -------
    ctapipe.instrument.SubarrayDescription
        With nominal (equivalent) focal lengths where an effective one is missing.

    Raises
    ------
    UserError
        If the description is incomplete, or holds places and lengths that are none.
    """
    path = getattr(h5file, "filename", h5file)
    try:
        subarray = _read(h5file)
    except (LookupError, OSError, ValueError, RuntimeError, TypeError) as error:
        problem = " ".join(str(error).split())
        raise UserError(
            f"{path}: its description of telescopes and cameras is incomplete or damaged "
            f"({problem}); process the file again with ctapipe-process."
        ) from error
    for tel_id in subarray.tel:
        if problem := _problem(subarray, tel_id):
            raise UserError(
                f"{path}: telescope {tel_id} has {problem}; process the file again with "
                "ctapipe-process."
            )
    return subarray


def _read(h5file):
    import tables
    from ctapipe.instrument import SubarrayDescription

    try:
        return SubarrayDescription.from_hdf(h5file, focal_length_choice="EFFECTIVE")
    except tables.HDF5ExtError:  # a RuntimeError too
        raise
    except RuntimeError:  # some simulations only know the nominal one
        return SubarrayDescription.from_hdf(h5file, focal_length_choice="EQUIVALENT")


def _problem(subarray, tel_id: int) -> str | None:
    """What of a telescope would make labels that are none; None if nothing does."""
    geometry = subarray.tel[tel_id].camera.geometry
    if not np.isfinite(subarray.positions[tel_id].value).all():
        return "a position that is not finite"
    if not np.isfinite([geometry.pix_x.value, geometry.pix_y.value]).all():
        return "pixels at positions that are not finite"
    focal_length = subarray.tel[tel_id].optics.equivalent_focal_length.value
    used = geometry.frame.focal_length.value
    is_length = min(focal_length, used) > 0 and np.isfinite(used)
    return None if is_length else "a focal length that is not finite and positive"
