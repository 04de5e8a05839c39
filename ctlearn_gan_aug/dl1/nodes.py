"""Where things are in a DL1 file, and how their columns are stored."""

from collections.abc import Iterable

import numpy as np

TRIGGER = "/dl1/event/subarray/trigger"
TELESCOPE_TRIGGER = "/dl1/event/telescope/trigger"
SHOWER = "/simulation/event/subarray/shower"
IMAGES = "/dl1/event/telescope/images"
PARAMETERS = "/dl1/event/telescope/parameters"
MUON = "/dl1/event/telescope/muon"
TRUE_IMAGES = "/simulation/event/telescope/images"
TRUE_PARAMETERS = "/simulation/event/telescope/parameters"
IMPACT = "/simulation/event/telescope/impact"

SCHEDULING_BLOCK = "/configuration/observation/scheduling_block"
OBSERVATION_BLOCK = "/configuration/observation/observation_block"
SIMULATION_RUN = "/configuration/simulation/run"
POINTING = "/configuration/telescope/pointing"
SHOWER_DISTRIBUTION = "/simulation/service/shower_distribution"
IMAGE_STATISTICS = "/dl1/service/image_statistics"

#: Groups of one table per telescope with one row per image.
PER_IMAGE_GROUPS = (IMAGES, PARAMETERS, MUON, TRUE_IMAGES, TRUE_PARAMETERS, IMPACT)

_EVENT_LEVEL = ("/dl1/event/", "/dl1/monitoring/", "/dl2/event/", "/r0/", "/r1/", "/dl0/")
_EVENT_LEVEL += ("/simulation/event/",)
_RUN_LEVEL = ("/configuration/observation/", "/configuration/simulation/", POINTING + "/")
_RUN_LEVEL += (SHOWER_DISTRIBUTION,)
_COUNTERS = (IMAGE_STATISTICS, "/dl2/service/tel_event_statistics/")


def is_event_table(path: str) -> bool:
    """Whether the table at ``path`` has rows per event or per time."""
    return path.startswith(_EVENT_LEVEL)


def is_run_table(path: str) -> bool:
    """Whether the table at ``path`` has one row per run (``obs_id``)."""
    return path.startswith(_RUN_LEVEL)


def is_counter_table(path: str) -> bool:
    """Whether the table at ``path`` counts how many images passed quality criteria."""
    return path.startswith(_COUNTERS)


def telescope_table(group: str, tel_id: int) -> str:
    """Path of a telescope's table inside ``group``."""
    return f"{group}/tel_{tel_id:03d}"


def column_unit(table, name: str):
    """Unit in which the PyTables ``table`` stores column ``name``, None if it has none."""
    position = table.colnames.index(name)
    attribute = f"CTAFIELD_{position}_UNIT"
    return str(table.attrs[attribute]) if attribute in table.attrs else None


def unknown_rows(dtype: np.dtype, n_rows: int, given: Iterable[str] = ()) -> np.ndarray:
    """Rows that say "not known" as ctapipe's containers do: NaN, -1 and False.

    Columns named in ``given`` are left to the caller, for speed.
    """
    rows = np.empty(n_rows, dtype)
    for name in set(dtype.names) - set(given):
        base = dtype[name].base
        rows[name] = {"f": np.nan, "i": -1}.get(base.kind, np.zeros((), base))
    return rows
