"""The decorator of compiled loops: numba's, with its cache on disk where there is one."""

import functools
import logging

from numba import njit

log = logging.getLogger(__name__)


def compiled(function):
    """Compile a function that runs without Python's lock, and keep the machine code on disk.

    Numba keeps it beside the source or in the user's cache folder. Where neither can be written it
    refuses; then the function is compiled anew in every process.
    """
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba: "no locator available"
        _warn()
        return njit(nogil=True)(function)


@functools.cache
def _warn() -> None:
    log.warning(
        "Compiled functions cannot be kept, which costs some seconds in every process: neither the "
        "folder of the package nor the user's cache folder can be written. Set NUMBA_CACHE_DIR to "
        "a folder that can."
    )
