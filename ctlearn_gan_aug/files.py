"""Input discovery, and output that is either complete under its final name or not there."""

import glob
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError, find_no_space

DL1_SUFFIXES = (".h5", ".hdf5")
#: Ends the names of what is not complete yet.
PART_SUFFIX = ".part"


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


def part_name(target: Path) -> Path:
    """Name beside ``target`` for what is written before it takes that name; never given twice.

    Process numbers would not do: in containers every process may be number 1.
    """
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}{PART_SUFFIX}")


def remove_parts(target: Path) -> None:
    """Remove what killed processes left of ``target``; nobody else may be writing it."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*{PART_SUFFIX}"):
        remove(left)


def remove(path: Path) -> None:
    """Remove a file, link or whole folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def writing(
    target: str | Path, advice: str = "free some space there or choose another folder"
) -> Iterator[None]:
    """Say in one sentence that there is no room for ``target``, whoever finds out.

    HDF5, safetensors and Keras each have exceptions of their own for a full disk.
    """
    try:
        yield
    except Exception as error:
        reason = find_no_space(error)
        if reason is None:
            raise
        raise UserError(f"{target}: cannot be written ({reason}); {advice}.") from error


@contextmanager
def _atomic(target: str | Path, overwrite: bool, is_folder: bool) -> Iterator[Path]:
    target = check_new(target, overwrite)
    part = part_name(target)
    try:
        with writing(target):
            if is_folder:
                part.mkdir()
            yield part
            if is_folder:
                remove(target)
            os.replace(part, target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror or error}).") from error
    finally:
        remove(part)


def atomic_file(target: str | Path, overwrite: bool = False):
    """Yield a temporary path beside ``target``; it takes the final name only on success."""
    return _atomic(target, overwrite, is_folder=False)


def atomic_folder(target: str | Path, overwrite: bool = False):
    """Yield a temporary folder beside ``target``; it takes the final name only on success."""
    return _atomic(target, overwrite, is_folder=True)
