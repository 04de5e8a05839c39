"""HDF5 attributes without pickles.

PyTables pickles what HDF5 cannot hold, above all the Enum classes that ctapipe attaches to
columns, and unpickles whatever looks like a pickle when a file is opened. A skeleton travels
inside bundles, which people download: it must hold no pickle at all.
"""

import enum
from pathlib import Path

import h5py
import numpy as np

from ..errors import UserError

_ENUM_MODULE = "ctapipe.containers"
_ENUM_PREFIX = f"enum:{_ENUM_MODULE}."
_PLAIN = (str, bool, int, float, np.generic, np.ndarray)


def to_portable(value):
    """An attribute value that HDF5 stores natively; Enum classes become their name."""
    if isinstance(value, enum.EnumType):
        is_known = value.__module__ == _ENUM_MODULE
        return f"{_ENUM_PREFIX}{value.__name__}" if is_known else value.__name__
    if isinstance(value, bytes | np.bytes_):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, _PLAIN) else str(value)


def from_portable(value):
    """The attribute value as ctapipe writes it: names of ctapipe's Enums become the class."""
    if not (isinstance(value, str) and value.startswith(_ENUM_PREFIX)):
        return value
    import ctapipe.containers

    found = getattr(ctapipe.containers, value.removeprefix(_ENUM_PREFIX), None)
    return found if isinstance(found, enum.EnumType) else value


def check_safe(path: str | Path) -> None:
    """Refuse a file in which PyTables would find something to unpickle.

    Raises
    ------
    UserError
        If an attribute looks pickled, or the file holds links or arrays of objects.
    """
    try:
        with h5py.File(path) as h5file:
            suspect = _first_suspect(h5file, "/")
    except (OSError, RuntimeError):
        raise UserError(f"{path}: is not a readable HDF5 file; take an intact copy.") from None
    if suspect:
        raise UserError(
            f"{path}: {suspect} could run code when opened; only use files that ctlearn-gan wrote."
        )


def _first_suspect(group: h5py.Group, path: str) -> str | None:
    for name in _pickled_attributes(group):
        return f"attribute '{name}' of {path}"
    for name in group:
        child_path = f"{path.rstrip('/')}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            return f"link {child_path}"
        child = group[name]
        if isinstance(child, h5py.Group):
            suspect = _first_suspect(child, child_path)
        else:
            suspect = next(
                (f"attribute '{name}' of {child_path}" for name in _pickled_attributes(child)), None
            )
        if suspect:
            return suspect
    return None


def _pickled_attributes(node) -> list[str]:
    """Names of the attributes that PyTables hands to pickle: byte strings that end in a dot."""
    return [name for name in node.attrs if name == "PSEUDOATOM" or _looks_pickled(node, name)]


def _looks_pickled(node, name: str) -> bool:
    kind = h5py.h5a.open(node.id, name.encode()).get_type()
    if not isinstance(kind, h5py.h5t.TypeStringID) or kind.get_cset() == h5py.h5t.CSET_UTF8:
        return False
    value = node.attrs[name]
    if isinstance(value, h5py.Empty):
        return False
    texts = np.atleast_1d(value).ravel()
    return any(_as_bytes(text).rstrip(b"\0").endswith(b".") for text in texts)


def _as_bytes(text) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)
