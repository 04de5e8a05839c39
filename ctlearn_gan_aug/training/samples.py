"""Sample figures: held-out simulated images with generated ones of the same labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..data.events import Events
from ..labels import LabelSet
from ..plotting import draw_pairs, event_titles, source_positions

_N_SAMPLES = 8


def draw_samples(target: Path, events: Events, labels: LabelSet, generate: Callable) -> None:
    """Draw camera pairs from the lowest to the highest energy.

    Parameters
    ----------
    target : Path
        PNG file.
    events : Events
        Simulated events to choose from.
    labels : LabelSet
        Encodes their labels.
    generate : callable
        Encoded labels (n, n_labels) to pixel vectors (n, n_pixels, c).
    """
    by_energy = np.argsort(events.labels["true_energy"].data)
    chosen = by_energy[np.linspace(0, len(events) - 1, min(_N_SAMPLES, len(events))).astype(int)]
    events = events.select(chosen)
    draw_pairs(
        target,
        events.camera.geometry,
        generate(labels.encode(events.labels)),
        real=events.pixels[:],
        titles=event_titles(events.labels),
        source_xy=source_positions(events.labels),
        channels=events.channels,
    )
