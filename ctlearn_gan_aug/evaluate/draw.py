"""All figures of an evaluation."""

from pathlib import Path

import numpy as np

from ..plotting import draw_pairs, event_titles, source_positions
from .alignment import Aligned
from .compare import Results
from .figures import draw_labels, draw_parameters
from .joint_figures import draw_joint

FIGURES = ("pairs", "labels", "parameters", "joint")
_N_PAIRS = 4


def draw_all(targets: dict[str, Path], results: Results, samples: Aligned) -> None:
    """Draw the PNG files ``targets``, by the names in `FIGURES`."""
    _draw_pairs(targets["pairs"], samples)
    draw_labels(targets["labels"], results.labels, results.type)
    draw_parameters(targets["parameters"], results.images)
    draw_joint(targets["joint"], results.metrics["images"])


def _draw_pairs(target: Path, samples: Aligned) -> None:
    """Camera images at equal labels, from low to high energies."""
    simulated = samples.simulated
    by_energy = np.argsort(np.asarray(simulated.labels["true_energy"]))
    places = (np.arange(_N_PAIRS) + 0.5) / _N_PAIRS * len(by_energy)
    chosen = by_energy[places.astype(int)]
    labels = simulated.labels[chosen]
    draw_pairs(
        target,
        simulated.camera.geometry,
        samples.generated.pixels[chosen],
        real=simulated.pixels[chosen],
        titles=event_titles(labels),
        source_xy=None if samples.how == "matched" else source_positions(labels),
        channels=simulated.channels,
    )
