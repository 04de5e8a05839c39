"""The events that a run learns from."""

import numpy as np

from ..config.train import TrainConfig
from ..data.events import Events, read_events
from ..data.observed import read_observed
from ..dl1.cleaning import CleaningSettings, infer_cleaning
from ..dl1.primaries import check_primaries
from ..intensity import IntensityTransform
from .folder import STORE

#: Images from which the scales of the intensity transform are taken.
_N_FITTED = 10_000
#: Images that tell the cleaning of the files.
_N_CLEANED = 1000


def read_training_events(config: TrainConfig) -> Events:
    """The simulated events of a configuration, their pixels in a store."""
    events = read_events(
        config.data.files, background=config.data.background, **_reading_options(config)
    )
    is_signal = np.asarray(events.labels["true_shower_primary_class"]) == 1
    primary_ids = np.asarray(events.labels["true_shower_primary_id"])[is_signal]
    check_primaries(primary_ids, config.particle, events.sources[0])
    return events


def read_observed_events(config: TrainConfig, simulated: Events) -> Events | None:
    """The observed events of a configuration, their pixels in a store; None if it has none."""
    if not config.data.observed:
        return None
    return read_observed(config.data.observed, simulated.camera, **_reading_options(config))


def _reading_options(config: TrainConfig) -> dict:
    data = config.data
    return {
        "channels": data.channels,
        "quality_criteria": data.quality_criteria,
        "tel_type": data.tel_type,
        "max_events": data.max_events,
        "seed": config.seed,
        "store": data.store or config.output / STORE,
    }


def fit_intensity(events: Events, observed: Events | None = None) -> IntensityTransform:
    """The intensity transform of the images to generate.

    Night sky and scales are those of the observed images, if they are to be like these. Its limits
    hold the simulated ones, too: they may have brighter showers.
    """
    simulated = _fitted(events)
    return _fitted(observed).covering(simulated) if observed is not None else simulated


def files_cleaning(events: Events) -> CleaningSettings:
    """The tail cuts that made the masks of the events' files."""
    sample = events.sample(_N_CLEANED)
    charges = sample.pixels[..., sample.channels.index("image")]
    return infer_cleaning(charges, sample.masks, events.camera.geometry)


def _fitted(events: Events) -> IntensityTransform:
    sample = events.sample(_N_FITTED)
    neighbors = events.camera.geometry.neighbor_matrix_sparse
    return IntensityTransform.fit(sample.pixels, sample.masks, sample.channels, neighbors)
