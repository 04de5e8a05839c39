"""The averaged generator measured during a run on held-out events; its best state is kept."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from ..config.train import TrainConfig
from ..data.events import Events
from ..dl1.cleaning import infer_cleaning
from ..dl1.parameters import compute
from ..files import atomic_file
from ..labels import LabelSet
from .diversity import PairDistances, coverage, mean_w1
from .folder import BEST

#: Held-out events that are looked at, and below which a score would say nothing.
_MAX_EVENTS, _MIN_EVENTS = 800, 100
#: Pairs of images that are drawn for every event: one pair's score is as uncertain as late states
#: differ.
_PAIRS = 4
#: Standard errors by which an earlier state has to be better to be kept.
_CLEARLY = 2.0
#: Image parameters, those compared by their logarithm first.
_LOGARITHMIC = ("hillas_intensity", "morphology_n_pixels", "intensity_max")
_PLAIN = (
    "hillas_fov_lon",
    "hillas_fov_lat",
    "hillas_length",
    "hillas_width",
    "concentration_cog",
    "leakage_intensity_width_2",
    "intensity_skewness",
)
_TIMES = ("peak_time_mean", "peak_time_std", "timing_deviation")


class Snapshots:
    """Scores of a run's states.

    Parameters
    ----------
    path : Path
        Safetensors file of the best state's weights.
    events : Events
        Held-out simulated events.
    labels : LabelSet
        Encodes their labels.
    generate : callable
        Encoded labels (n, n_labels) and the number of a sample to pixel vectors (n, n_pixels, c),
        the same for the same state.
    """

    def __init__(self, path: Path, events: Events, labels: LabelSet, generate: Callable):
        self.path = path
        self.generate = generate
        self.events = events = events.select(np.arange(min(len(events), _MAX_EVENTS)))
        self.encoded = labels.encode(events.labels)
        pixels = events.pixels[:]
        self.cleaning = infer_cleaning(
            pixels[..., 0], events.sample(len(events)).masks, events.camera.geometry
        )
        self.simulated = self._measure(pixels)
        self.sigma = np.nanstd(self.simulated, axis=0)

    @classmethod
    def of(
        cls, config: TrainConfig, events: Events, labels: LabelSet, generate: Callable
    ) -> "Snapshots | None":
        """Those a configuration asks for, None if it does not or events are too few."""
        if not config.training.snapshots or not cls.suit(events):
            return None
        return cls(config.output / BEST, events, labels, generate)

    @staticmethod
    def suit(events: Events) -> bool:
        """Whether there are events enough to judge by."""
        return len(events) >= _MIN_EVENTS

    def take(self, step: int, weights: list[np.ndarray]) -> dict[str, float]:
        """Measure the present state; keep its weights unless an earlier one was clearly better.

        The later of equal states has learnt with lower rates. Clearly means by more than two
        standard errors of the difference.

        Returns
        -------
        dict of str to float
            ``snapshot_score``: energy score of the image parameters given the labels, in simulated
            standard deviations, mean over the parameters; the smaller, the closer generated images
            are to the distribution of simulated ones of equal labels. ``snapshot_error``: its
            standard error from the images drawn. ``snapshot_w1``: mean Wasserstein-1 distance of
            the parameters over all labels. ``snapshot_spread``: how much images of equal labels
            differ, against what simulation asks for, 1 is right. ``snapshot_coverage``: share of
            simulated images that have generated ones near them.
        """
        drawn = [self._measure(self.generate(self.encoded, i)) for i in range(2 * _PAIRS)]
        pairs = zip(drawn[::2], drawn[1::2], strict=True)
        found = [PairDistances.of(self.simulated, *pair, self.sigma) for pair in pairs]
        scores = [distances.score for distances in found]
        score, error = float(np.mean(scores)), float(np.std(scores, ddof=1) / np.sqrt(_PAIRS))
        lowest, of_lowest = self.best.get("lowest", np.inf), self.best.get("lowest_error", 0.0)
        if score <= lowest + _CLEARLY * float(np.hypot(error, of_lowest)):
            lowest, of_lowest = min((lowest, of_lowest), (score, error))
            best = {"score": score, "lowest": lowest, "lowest_error": of_lowest}
            self._keep(weights, step=step, **best)

        def mean_of(measure):
            return float(np.mean([measure(self.simulated, x, self.sigma) for x in drawn]))

        return {
            "snapshot_score": score,
            "snapshot_error": error,
            "snapshot_w1": mean_of(mean_w1),
            "snapshot_spread": float(np.mean([distances.spread for distances in found])),
            "snapshot_coverage": mean_of(coverage),
        }

    @property
    def best(self) -> dict:
        """``step`` and ``score`` of the state kept, ``lowest`` score, its error; empty at first."""
        from safetensors import safe_open

        if not self.path.exists():
            return {}
        with safe_open(self.path, framework="np") as saved:
            return json.loads(saved.metadata()["snapshot"])

    def best_weights(self) -> list[np.ndarray]:
        """Weights of the averaged generator in its best state."""
        from safetensors.numpy import load_file

        tensors = load_file(self.path)
        return [tensors[name] for name in sorted(tensors)]

    def give_best(self, averaged: keras.Model) -> dict:
        """Let the averaged generator have its best state; returns what is said of that."""
        if not self.best:
            return {}
        averaged.set_weights(self.best_weights())
        return {f"snapshot_{name}": value for name, value in self.best.items()}

    def _keep(self, weights, **snapshot) -> None:
        from safetensors.numpy import save_file

        tensors = {f"{i:04d}": np.array(w, order="C") for i, w in enumerate(weights)}
        with atomic_file(self.path, overwrite=True) as part:
            save_file(tensors, part, metadata={"snapshot": json.dumps(snapshot)})

    def _measure(self, pixels: np.ndarray) -> np.ndarray:
        events = self.events
        return image_parameters(pixels, events.channels, events.camera.geometry, self.cleaning)


def image_parameters(pixels: np.ndarray, channels, geometry, cleaning) -> np.ndarray:
    """Parameters (n, n_parameters) of images (n, n_pixels, c); NaN without cleaned pixel.

    Parameters
    ----------
    pixels : ndarray (n, n_pixels, c)
        p.e. and ns.
    channels : sequence of str
        Their names.
    geometry : ctapipe.instrument.CameraGeometry
        The camera.
    cleaning : CleaningSettings
        Tail cuts.
    """
    times = pixels[..., 1] if len(channels) > 1 else None
    result = compute(pixels[..., 0], times, geometry, cleaning)
    names = _PLAIN + (_TIMES if times is not None else ())
    columns = [result.columns[name].astype(float) for name in names]
    with np.errstate(invalid="ignore", divide="ignore"):
        columns += [np.log10(result.columns[name].astype(float)) for name in _LOGARITHMIC]
    table = np.stack(columns, axis=1)
    table[~result.mask.any(axis=1)] = np.nan
    return np.where(np.isfinite(table), table, np.nan)
