"""Input discovery, and output that is either complete under its final name or not there."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError

DL1_SUFFIXES = (".h5", ".hdf5")


def expand_inputs(paths: Iterable[str | Path]) -> list[Path]:
    """List the DL1 files behind files and folders, each once, sorted within a folder.

    Raises
    ------
    UserError
        If nothing is given, a path does not exist, or a folder holds no ``*.h5`` file.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix in DL1_SUFFIXES and p.is_file())
            if not inside:
                raise UserError(f"{path}: this folder holds no DL1 file (*.h5).")
            found.update(dict.fromkeys(inside))
        elif path.exists():
            found[path] = None
        else:
            raise UserError(f"{path}: no such file or folder.")
    if not found:
        raise UserError("No input is given: name at least one DL1 file or folder.")
    return list(found)


def check_new(target: str | Path, overwrite: bool, hint: str = "--overwrite") -> Path:
    """Refuse an existing target unless it may be replaced, and an unwritable parent folder."""
    target = Path(target)
    if target.exists() and not overwrite:
        raise UserError(f"{target}: already exists; choose another name or pass {hint}.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{target.parent}: cannot be created ({error.strerror}); choose a writable folder."
        ) from None
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UserError(f"{target.parent}: is not writable; choose a writable folder.")
    return target


def _part_name(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _atomic(target: str | Path, overwrite: bool, is_folder: bool) -> Iterator[Path]:
    target = check_new(target, overwrite)
    part = _part_name(target)
    _remove(part)
    try:
        if is_folder:
            part.mkdir()
        yield part
        if is_folder and target.exists():
            _remove(target)
        os.replace(part, target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror or error}).") from error
    finally:
        _remove(part)


def atomic_file(target: str | Path, overwrite: bool = False):
    """Yield a temporary path beside ``target``; it takes the final name only on success."""
    return _atomic(target, overwrite, is_folder=False)


def atomic_folder(target: str | Path, overwrite: bool = False):
    """Yield a temporary folder beside ``target``; it takes the final name only on success."""
    return _atomic(target, overwrite, is_folder=True)
