"""What identifies the content of a pixel store: input files, events and channels."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from astropy.table import Table

#: Columns that say which images, in which order.
_EVENT_COLUMNS = ("file_index", "table_index", "obs_id", "event_id", "tel_id")
#: Changes with what is read out of the same files.
_VALUES = "as ctapipe reads each column"
_N_SAMPLES, _SAMPLE_BYTES = 64, 4096
#: Events whose images tell sets of events from each other, beside the truth of all.
_N_IMAGES = 1000


def stamp(path: Path) -> dict:
    """State of a file: changes if the file is changed, even if size and time are kept.

    Returns
    -------
    dict
        ``path``, ``size`` (bytes), ``mtime_ns`` and ``sample``, a digest of parts of the content
        all over the file.
    """
    path = Path(path).resolve()
    state = path.stat()
    sample = hashlib.sha256()
    with path.open("rb") as file:
        for start in np.linspace(0, max(state.st_size - _SAMPLE_BYTES, 0), _N_SAMPLES, dtype=int):
            file.seek(int(start))
            sample.update(file.read(_SAMPLE_BYTES))
    return {
        "path": str(path),
        "size": state.st_size,
        "mtime_ns": state.st_mtime_ns,
        "sample": sample.hexdigest(),
    }


def settings(reader, events: Table, channels: Sequence[str]) -> dict:
    """Everything else that decides what a store holds, as plain values."""
    digest = hashlib.sha256()
    for name in _EVENT_COLUMNS:
        digest.update(np.ascontiguousarray(events[name], dtype=np.int64))
    return {
        "values": _VALUES,
        "files": [str(Path(path).resolve()) for path in reader.files],
        "events": digest.hexdigest(),
        "n_events": len(events),
        "channels": list(channels),
        "dl1_data_handler": version("dl1-data-handler"),
    }


def key(content: dict) -> str:
    """Short name for settings."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def events_digest(events) -> str:
    """Digest of a set of events: the truth of all, as far as known, and the images of some.

    Parameters
    ----------
    events : Events
        As from `events.read_events`.
    """
    digest = hashlib.sha256(np.ascontiguousarray(events.sample(_N_IMAGES).pixels))
    known = set(events.labels.colnames)
    for name in filter(known.__contains__, ("obs_id", "event_id", "tel_id", "true_energy")):
        digest.update(np.ascontiguousarray(events.labels[name]))
    return digest.hexdigest()
