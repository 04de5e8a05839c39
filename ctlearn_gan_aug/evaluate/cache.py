"""What evaluations of several generators on the same files share: judges and measured images.

A cache is a folder of safetensors files named by what they depend on: the content of the images and
labels, not the names of files, so that a changed file, cut or seed leads to another entry.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ..data import fingerprint
from ..errors import UserError
from ..files import atomic_file
from .sample import Sample

log = logging.getLogger(__name__)

#: Raise it whenever judges or measurements change.
FORMAT = 3
MAX_ENTRIES = 200  # the least recently used ones make way
_SUFFIX = ".safetensors"

Arrays = dict[str, np.ndarray]


def default_folder() -> Path:
    """Where entries are kept unless told otherwise: below the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ctlearn_gan_aug" / "evaluation"


class Cache:
    """Arrays by what they were made of.

    Parameters
    ----------
    folder : path or None
        Made if missing; None keeps nothing.

    Raises
    ------
    UserError
        If the folder cannot be made or written.
    """

    def __init__(self, folder: str | Path | None = None):
        self.folder = None if folder is None else Path(folder)
        self.found: list[str] = []
        if self.folder is not None:
            _check_writable(self.folder)

    def get(self, kind: str, content: dict, make: Callable[[], Arrays], like=None) -> Arrays:
        """The arrays of an entry, in any order; made and kept if there is none.

        Parameters
        ----------
        kind : str
            First part of the entry's name.
        content : dict
            All that the arrays depend on, plain values.
        make : callable
            Makes them.
        like : dict of str to tuple, optional
            Shapes they must have; an entry of others is made anew.
        """
        if self.folder is None:
            return make()
        content = {"format": FORMAT, "kind": kind, **content}
        path = self.folder / f"{kind}-{fingerprint.key(content)}{_SUFFIX}"
        arrays = _read(path)
        if arrays is not None and like in (None, {k: v.shape for k, v in arrays.items()}):
            self.found.append(kind)
            return arrays
        arrays = make()
        self._keep(path, arrays)
        return arrays

    def _keep(self, path: Path, arrays: Arrays) -> None:
        from safetensors.numpy import save_file

        try:
            with atomic_file(path, overwrite=True) as part:
                save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, part)
        except UserError as error:  # the disk is full: an evaluation is worth more than its cache
            log.warning("%s", error)
        _remove_oldest(self.folder)


NO_CACHE = Cache()


def digest(sample: Sample) -> str:
    """Changes with any pixel, label or the camera."""
    state = hashlib.sha256()
    for name in sorted(sample.labels.colnames):
        column = np.asarray(sample.labels[name])
        if column.dtype.kind in "biuf":
            state.update(name.encode() + np.ascontiguousarray(column).tobytes())
    state.update(",".join(sample.channels).encode())
    state.update(np.ascontiguousarray(sample.camera.pixel_xy).tobytes())
    state.update(f"{sample.camera.focal_length:.6f}".encode())
    for start in range(0, len(sample), 1024):
        state.update(np.ascontiguousarray(sample.pixels[start : start + 1024]))
    return state.hexdigest()


def software() -> dict[str, str]:
    """Versions of the packages that judges are made with."""
    return {name: version(name) for name in ("ctlearn", "tensorflow", "keras")}


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        if os.access(folder, os.W_OK | os.X_OK):
            return
        reason = "not writable"
    raise UserError(
        f"{folder}: the cache cannot be kept there ({reason}); choose another folder with --cache, "
        "or none with --no-cache."
    )


def _read(path: Path) -> Arrays | None:
    """The arrays of a file; None if there is none or it is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        os.utime(path)  # used now
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, ValueError) as error:
        log.warning("%s: is damaged (%s); it is made anew.", path, error)
        return None
    return arrays


def _remove_oldest(folder: Path) -> None:
    def age(path: Path) -> float:
        try:
            return path.stat().st_mtime
        except OSError:  # removed by another process
            return 0.0

    entries = sorted((p for p in folder.glob(f"*{_SUFFIX}") if p.name[0] != "."), key=age)
    for path in entries[:-MAX_ENTRIES]:
        path.unlink(missing_ok=True)
