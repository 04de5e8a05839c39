"""Simulated DL1 files made to look like observations: no truth, and not only showers.

As a script: ``python tests/observed_files.py SIMULATION OBSERVATION``.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import tables
from ctapipe.containers import EventType

from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.ending import close_completely, create
from ctlearn_gan_aug.dl1.skeleton import copy_attributes, start_table

_TRUTH = ("/simulation/", "/configuration/simulation/")
_DARK = {EventType.SKY_PEDESTAL, EventType.DARK_PEDESTAL, EventType.PEDESTAL}


def observe(source: Path, target: Path, others: dict[EventType, int] | None = None) -> Path:
    """Copy a simulated file as if a telescope had taken it.

    Parameters
    ----------
    source, target : Path
        A simulated file, and the one to write.
    others : dict of EventType to int, optional
        How many events, from the first on, are made ones of another type: pedestals without any
        light, flat-field events of 50 p.e. in every pixel, and others as they are.
    """
    with tables.open_file(source) as old, create(target) as new:
        copy_attributes(old.root, new.root)
        with warnings.catch_warnings():  # ctapipe's header names hold spaces
            warnings.simplefilter("ignore", tables.NaturalNameWarning)
            new.root._v_attrs["CTA PROCESS TYPE"] = "Observation"
        for table in old.walk_nodes("/", "Table"):
            if not table._v_pathname.startswith(_TRUTH):
                start_table(table, new).append(table[:])
        close_completely(new)
    with tables.open_file(target, "r+") as h5file:
        first = 0
        for kind, n_events in (others or {}).items():
            _retype(h5file, kind, slice(first, first + n_events))
            first += n_events
    return target


def _retype(h5file: tables.File, kind: EventType, which: slice) -> None:
    trigger = h5file.get_node(nodes.TRIGGER)
    start, stop = which.start, which.stop
    trigger.modify_column(
        start, stop, column=np.full(stop - start, kind.value), colname="event_type"
    )
    if kind not in _DARK | {EventType.FLATFIELD}:
        return
    keys = set(zip(*(trigger.col(name)[which] for name in ("obs_id", "event_id")), strict=True))
    for images in h5file.iter_nodes(nodes.IMAGES, "Table"):
        rows = images[:]
        chosen = [key in keys for key in zip(rows["obs_id"], rows["event_id"], strict=True)]
        rows["image"][chosen] = 50.0 if kind is EventType.FLATFIELD else 0.0
        rows["image_mask"][chosen] = kind is EventType.FLATFIELD
        images.modify_rows(0, images.nrows, rows=rows)


if __name__ == "__main__":
    observe(Path(sys.argv[1]), Path(sys.argv[2]))
