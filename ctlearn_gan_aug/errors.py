"""The one exception a user is meant to see."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator

#: Numbers and words of a full disk, a used up quota, a limit on file sizes.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TOLD_NO_SPACE = re.compile(
    "|".join(
        (
            *map(os.strerror, _NO_SPACE),
            "driver write request failed",  # HDF5's, which does not always tell the number
            "not all data reached the disk, which may be full",
            r"\d+ requested and \d+ written",  # NumPy's
        )
    )
)


class UserError(Exception):
    """A failure the user caused and can mend.

    The message is one sentence that names the file or key, says what is wrong and what would be
    right. The command line prints it as it is and exits with code 1.
    """


@contextlib.contextmanager
def naming(path, advice: str = "process it again with ctapipe-process") -> Iterator[None]:
    """Name the file whose events cannot be read, whatever a library finds wrong with them."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())
        raise UserError(
            f"{path}: its events cannot be read ({type(error).__name__}: {told}); {advice}."
        ) from error


def find_user_error(error: BaseException) -> UserError | None:
    """The user's error that an exception is, was raised from or tells of; None if there is none.

    What is raised inside tf.data arrives as TensorFlow's error, of which it is a line.
    """
    for known in (error, error.__cause__):
        if isinstance(known, UserError):
            return known
    told = re.search(rf"\b{UserError.__name__}: (.+)", str(error))
    return UserError(told[1]) if told else None


def find_no_space(error: BaseException | None) -> str | None:
    """What the system says if an exception comes of a full disk; None if it does not.

    Libraries raise exceptions of their own then, which tell of the system's error in their text or
    follow from it.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return os.strerror(error.errno)
        told = _TOLD_NO_SPACE.search(str(error))
        if told:
            return told[0]
        error = error.__cause__ or error.__context__
    return None
