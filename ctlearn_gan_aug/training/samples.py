"""Sample figures: held-out simulated images, each with what is made for the same event."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..data.events import Events
from ..plotting import draw_pairs, event_titles, source_positions

_N_SAMPLES = 8


def draw_samples(
    target: Path,
    events: Events,
    generate: Callable[[Events], np.ndarray],
    made: str = "generated",
) -> None:
    """Draw camera pairs from the lowest to the highest energy.

    Parameters
    ----------
    target : Path
        PNG file.
    events : Events
        Simulated events to choose from.
    generate : callable
        Events to pixel vectors (n, n_pixels, c) made for them.
    made : str
        What these are called.
    """
    by_energy = np.argsort(events.labels["true_energy"].data)
    chosen = by_energy[np.linspace(0, len(events) - 1, min(_N_SAMPLES, len(events))).astype(int)]
    events = events.select(chosen)
    draw_pairs(
        target,
        events.camera.geometry,
        generate(events),
        real=events.pixels[:],
        titles=event_titles(events.labels),
        source_xy=source_positions(events.labels),
        channels=events.channels,
        names=("simulated", made),
    )
