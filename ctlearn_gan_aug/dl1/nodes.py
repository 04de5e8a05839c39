"""Where things are in a DL1 file."""

from ctapipe.io import hdf5dataformat as paths

TRIGGER = paths.DL1_SUBARRAY_TRIGGER_TABLE
TELESCOPE_TRIGGER = paths.DL1_TEL_TRIGGER_TABLE
SHOWER = paths.SIMULATION_SHOWER_TABLE
IMAGES = paths.DL1_TEL_IMAGES_GROUP
PARAMETERS = paths.DL1_TEL_PARAMETERS_GROUP
MUON = paths.DL1_TEL_MUON_GROUP
TRUE_IMAGES = paths.SIMULATION_IMAGES_GROUP
TRUE_PARAMETERS = paths.SIMULATION_PARAMETERS_GROUP
IMPACT = paths.SIMULATION_IMPACT_GROUP

OBSERVATION_BLOCK = paths.OBSERVATION_BLOCK_TABLE
SIMULATION_RUN = paths.SIMULATION_RUN_TABLE
POINTING = paths.FIXED_POINTING_GROUP
SHOWER_DISTRIBUTION = paths.SHOWER_DISTRIBUTION_TABLE
IMAGE_STATISTICS = paths.DL1_IMAGE_STATISTICS_TABLE

_INSTRUMENT = "/configuration/instrument"
#: What describes the array; ctapipe has no names for these.
INSTRUMENT = tuple(
    f"{_INSTRUMENT}/{name}" for name in ("subarray/layout", "telescope/optics", "telescope/camera")
)

_LEVELS = (
    paths.R0_GROUP,
    paths.R1_GROUP,
    paths.DL0_GROUP,
    paths.DL1_GROUP,
    paths.DL2_GROUP,
    paths.SIMULATION_GROUP,
)
_EVENT_LEVEL = tuple(f"{level}/{kind}/" for level in _LEVELS for kind in ("event", "monitoring"))
_RUN_LEVEL = (
    paths.SCHEDULING_BLOCK_TABLE,
    OBSERVATION_BLOCK,
    SIMULATION_RUN,
    POINTING,
    SHOWER_DISTRIBUTION,
)
_COUNTERS = (IMAGE_STATISTICS, paths.DL2_EVENT_STATISTICS_GROUP)


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
