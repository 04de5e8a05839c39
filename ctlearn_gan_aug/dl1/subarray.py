"""The array that a DL1 file describes."""


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
    """
    from ctapipe.instrument import SubarrayDescription

    try:
        return SubarrayDescription.from_hdf(h5file, focal_length_choice="EFFECTIVE")
    except RuntimeError:  # some simulations only know the nominal one
        return SubarrayDescription.from_hdf(h5file, focal_length_choice="EQUIVALENT")
