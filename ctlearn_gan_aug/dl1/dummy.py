"""A one-event DL1 file written by ctapipe itself, to learn its layout for a given array."""

from pathlib import Path
from types import SimpleNamespace

import astropy.units as u
import numpy as np
from ctapipe.containers import (
    ArrayEventContainer,
    CoordinateFrameType,
    DL1CameraContainer,
    EventIndexContainer,
    ObservationBlockContainer,
    ObservationBlockState,
    ObservingMode,
    PointingMode,
    SchedulingBlockContainer,
    SchedulingBlockType,
    SimulatedCameraContainer,
    SimulatedEventContainer,
    SimulatedShowerContainer,
    SimulationConfigContainer,
    TelescopeImpactParameterContainer,
    TelescopePointingContainer,
)

from . import nodes
from .rows import EPOCH

_OBS_ID = 1
_PEDESTAL_PE = 20.0


def write_dummy_file(subarray, path: Path) -> None:
    """Write one event that triggered every telescope of ``subarray``, as ctapipe-process does."""
    from ctapipe.core import Provenance
    from ctapipe.image import ImageProcessor
    from ctapipe.io import DataWriter, write_table

    event = dummy_event(subarray)
    process = ImageProcessor(subarray=subarray)
    # The writer takes its headers from a provenance activity, which a tool would have started.
    Provenance().start_activity("ctlearn-gan")
    try:
        process(event)
        with DataWriter(
            dummy_source(subarray), output_path=path, write_dl1_images=True, overwrite=True
        ) as write:
            write(event)
        write_table(process.check_image.to_table(functions=True), path, nodes.IMAGE_STATISTICS)
    finally:
        Provenance().finish_activity()


def dummy_source(subarray) -> SimpleNamespace:
    """What DataWriter asks of an event source."""
    producer = {"producer_id": "simulation"}
    scheduling_block = SchedulingBlockContainer(
        sb_id=np.uint64(_OBS_ID),
        sb_type=SchedulingBlockType.OBSERVATION,
        observing_mode=ObservingMode.UNKNOWN,
        pointing_mode=PointingMode.DRIFT,
        **producer,
    )
    observation_block = ObservationBlockContainer(
        obs_id=np.uint64(_OBS_ID),
        sb_id=np.uint64(_OBS_ID),
        state=ObservationBlockState.COMPLETED_SUCCEDED,
        subarray_pointing_frame=CoordinateFrameType.ALTAZ,
        scheduled_start_time=EPOCH,
        actual_start_time=EPOCH,
        **producer,
    )
    return SimpleNamespace(
        subarray=subarray,
        is_simulation=True,
        obs_ids=[_OBS_ID],
        scheduling_blocks={_OBS_ID: scheduling_block},
        observation_blocks={_OBS_ID: observation_block},
        simulation_config={_OBS_ID: _simulation_config()},
        atmosphere_density_profile=None,
    )


def _simulation_config() -> SimulationConfigContainer:
    """A configuration whose whole numbers are integers, so that their columns are."""
    return SimulationConfigContainer(
        run_number=np.int32(_OBS_ID),
        shower_prog_id=-1,
        shower_prog_start=-1,
        detector_prog_id=-1,
        detector_prog_start=-1,
        n_showers=0,
        shower_reuse=1,
        diffuse=True,
        core_pos_mode=0,
        corsika_iact_options=-1,
        corsika_low_E_model=-1,
        corsika_high_E_model=-1,
        corsika_low_E_detail=-1,
        corsika_high_E_detail=-1,
    )


def dummy_event(subarray) -> ArrayEventContainer:
    """An event with light in every pixel, so that all parameters exist with their types."""
    shower = SimulatedShowerContainer(
        energy=1 * u.TeV,
        alt=70 * u.deg,
        az=0 * u.deg,
        core_x=0 * u.m,
        core_y=0 * u.m,
        h_first_int=20 * u.km,
        x_max=300 * u.g / u.cm**2,
        starting_grammage=0 * u.g / u.cm**2,
        shower_primary_id=np.int16(0),
    )
    event = ArrayEventContainer(
        index=EventIndexContainer(obs_id=_OBS_ID, event_id=1),
        simulation=SimulatedEventContainer(shower=shower),
    )
    event.trigger.time = EPOCH
    event.trigger.tels_with_trigger = list(subarray.tel_ids)
    for tel_id in subarray.tel_ids:
        n_pixels = subarray.tel[tel_id].camera.geometry.n_pixels
        _add_telescope(event, tel_id, n_pixels)
    return event


def _add_telescope(event: ArrayEventContainer, tel_id: int, n_pixels: int) -> None:
    event.trigger.tel[tel_id].time = EPOCH
    event.monitoring.tel[tel_id].pointing = TelescopePointingContainer(
        azimuth=0 * u.rad, altitude=1 * u.rad
    )
    event.dl1.tel[tel_id] = DL1CameraContainer(
        image=np.full(n_pixels, _PEDESTAL_PE, np.float32),
        peak_time=np.zeros(n_pixels, np.float32),
        is_valid=True,
    )
    event.simulation.tel[tel_id] = SimulatedCameraContainer(
        true_image_sum=np.int32(n_pixels),
        true_image=np.ones(n_pixels, np.int32),
        impact=TelescopeImpactParameterContainer(
            distance=0 * u.m, distance_uncert=0 * u.m, prefix="true_impact"
        ),
    )
