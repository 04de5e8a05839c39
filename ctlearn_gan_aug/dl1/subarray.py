"""The array that a DL1 file describes."""

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
        If the description is incomplete.
    """
    import tables
    from ctapipe.instrument import SubarrayDescription

    try:
        try:
            return SubarrayDescription.from_hdf(h5file, focal_length_choice="EFFECTIVE")
        except tables.HDF5ExtError:  # a RuntimeError too
            raise
        except RuntimeError:  # some simulations only know the nominal one
            return SubarrayDescription.from_hdf(h5file, focal_length_choice="EQUIVALENT")
    except (LookupError, OSError, ValueError, RuntimeError, TypeError) as error:
        path = getattr(h5file, "filename", h5file)
        problem = " ".join(str(error).split())
        raise UserError(
            f"{path}: its description of telescopes and cameras is incomplete or damaged "
            f"({problem}); process the file again with ctapipe-process."
        ) from error
