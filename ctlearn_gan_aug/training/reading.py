"""The events that a run learns from."""

import numpy as np

from ..config.train import TrainConfig
from ..data.events import Events, read_events
from ..dl1.primaries import check_primaries
from .folder import STORE


def read_training_events(config: TrainConfig) -> Events:
    """The events of a configuration, their pixels in a store."""
    data = config.data
    events = read_events(
        data.files,
        background=data.background,
        channels=data.channels,
        quality_criteria=data.quality_criteria,
        tel_type=data.tel_type,
        max_events=data.max_events,
        seed=config.seed,
        store=data.store or config.output / STORE,
    )
    is_signal = np.asarray(events.labels["true_shower_primary_class"]) == 1
    primary_ids = np.asarray(events.labels["true_shower_primary_id"])[is_signal]
    check_primaries(primary_ids, config.particle, events.sources[0])
    return events
