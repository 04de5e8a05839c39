"""One writer at a time: locks that the system forgets together with the process that held them."""

import contextlib
import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from .errors import UserError
from .files import remove_parts

log = logging.getLogger(__name__)

#: Lock of a folder that keeps it inside.
LOCK = ".lock"
#: What the system says of a lock that another process holds; anything else means no locks here.
_HELD = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)


@contextlib.contextmanager
def only_writer(target: str | Path, inside: bool = False) -> Iterator[None]:
    """Keep other processes from writing to a file or folder while this one does.

    Parts of it that killed processes left are removed. A file system without locks keeps nobody
    away.

    Parameters
    ----------
    target : path
        What is written; it need not exist.
    inside : bool
        Keep the lock in the folder ``target``, which is made, not beside ``target``.

    Raises
    ------
    UserError
        If another process, on whatever machine, is writing there, or the lock cannot be kept.
    """
    target = Path(target)
    if inside and target.exists() and not target.is_dir():
        raise UserError(f"{target}: is no folder; choose another name.")
    # Two names of one target are one lock.
    whole = target.resolve()
    path = whole / LOCK if inside else whole.with_name(f".{whole.name}{LOCK}")
    with _folders(path.parent):
        number, is_alone = _acquire(path, target)
        try:
            if is_alone:
                remove_parts(whole)
            yield
        finally:
            if _is_at(number, path):
                path.unlink(missing_ok=True)
            os.close(number)


@contextlib.contextmanager
def _folders(folder: Path) -> Iterator[None]:
    """Make a folder and its parents; those made are removed afterwards if nothing is in them."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be created ({error.strerror}); choose a writable folder."
        ) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            for path in missing:
                path.rmdir()


def _acquire(path: Path, target: Path) -> tuple[int, bool]:
    """Descriptor of the file, which says who holds it, and whether it could be locked."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)  # another one may have removed it
            number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UserError(
                f"{path.parent}: is not writable ({error.strerror}); choose a writable folder."
            ) from None
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                holder = os.pread(number, 200, 0).decode(errors="replace")
                os.close(number)
                raise UserError(
                    f"{target}: another run is writing there{holder and f' ({holder})'}; wait "
                    "until it has ended or choose another output."
                ) from None
            log.debug("%s: no file locks here (%s).", path, error.strerror)
            return number, False
        if _is_at(number, path):
            with contextlib.suppress(OSError):  # a full disk: it is locked without a name, too
                os.ftruncate(number, 0)
                os.pwrite(number, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
            return number, True
        os.close(number)  # who held it has removed it between opening and locking


def _is_at(number: int, path: Path) -> bool:
    """Whether an open file is the one under that name."""
    try:
        return os.path.samestat(os.fstat(number), path.stat())
    except OSError:
        return False
