"""Whether generated images look like simulated ones in what analysts measure on them."""

from dataclasses import dataclass

import numpy as np

from ..dl1.cleaning import CleaningSettings
from .metrics import (
    classifier_auc,
    distance_estimate,
    kolmogorov_smirnov,
    wasserstein_sigma,
)
from .neighbours import manifold, nearest, share_closer
from .observables import CHARGE_SCALE, POINTING, image_parameters, measure, pixel_charges
from .sample import Sample

_N_PIXELS = 200_000
_LABELS = ("log_true_energy", "cam_coord_offset_x", "cam_coord_offset_y")
_CLOSE_SHARE = 0.01
_CLIP_SIGMAS = 5.0


@dataclass(frozen=True)
class ImageResult:
    """Observables of all samples, for figures, and the metrics made of them.

    Attributes
    ----------
    metrics : dict
        Sections ``images`` and ``diversity`` of metrics.json.
    simulated, generated : dict of str to ndarray (n,)
        Observables by name, see `observables.measure`.
    charges : tuple of ndarray
        asinh(q / 5 p.e.) of random pixels, simulated and generated.
    """

    metrics: dict
    simulated: dict[str, np.ndarray]
    generated: dict[str, np.ndarray]
    charges: tuple[np.ndarray, np.ndarray]


def judge_images(
    generated: Sample,
    simulated: Sample,
    reference: Sample,
    cleaning: CleaningSettings,
    *,
    seed: int,
    training: Sample | None = None,
) -> ImageResult:
    """Compare the images of two samples, and simulation with simulation beside it.

    Parameters
    ----------
    generated, simulated : Sample
        Images of the same labels.
    reference : Sample
        Other simulated images, as many: how far they are from ``simulated`` is the null value.
    cleaning : CleaningSettings
        Tail cuts for all of them.
    training : Sample, optional
        The generator's training images, to look for memorised ones.
    """
    rng = np.random.default_rng(seed)
    samples = (generated, simulated, reference)
    measured = [measure(sample, cleaning) for sample in samples]
    charges = [pixel_charges(sample, _N_PIXELS, rng) for sample in samples]
    metrics = {
        "images": _images(samples, measured, charges, rng),
        "diversity": _diversity(samples, measured, rng) | _memory(generated, simulated, training),
    }
    return ImageResult(metrics, measured[1], measured[0], (charges[1], charges[0]))


def _images(samples, measured, charges, rng) -> dict:
    """Section ``images``: one-dimensional distances and classifiers on parameters."""
    generated, simulated, reference = measured
    parameters = [image_parameters(x) for x in measured]
    names = [name for name in simulated if np.isfinite(simulated[name]).any()]
    return {
        "n": len(samples[1]),
        "mean_w1": _mean_w1(*parameters, rng),
        "parameters": {
            name: _compare_parameter(generated[name], simulated[name], reference[name])
            for name in names
        },
        "pixel_charge": {"scale_pe": CHARGE_SCALE} | _compare_parameter(*charges),
        "empty": {
            kind: float(np.mean(~np.isfinite(x["hillas_length"])))
            for kind, x in zip(("generated", "simulated"), measured[:2], strict=True)
        },
        "auc": _auc([_table(x) for x in parameters], rng),
        "auc_with_labels": _auc(
            [_table(_with_labels(x, s)) for x, s in zip(measured, samples, strict=True)], rng
        ),
    }


def _compare_parameter(generated, simulated, reference) -> dict[str, float]:
    return {
        "w1": wasserstein_sigma(generated, simulated),
        "w1_null": wasserstein_sigma(reference, simulated),
        "ks": kolmogorov_smirnov(generated, simulated),
        "ks_null": kolmogorov_smirnov(reference, simulated),
    }


def _mean_w1(generated, simulated, reference, rng) -> dict[str, float]:
    """W1 averaged over ctapipe's parameters: noise has a scale of its own."""
    finite = {name: x[np.isfinite(x)] for name, x in simulated.items()}
    sigmas = {name: float(x.std()) for name, x in finite.items() if x.size and np.ptp(x) > 0}

    def mean(sample, rows):
        distances = (
            wasserstein_sigma(sample[name][rows], simulated[name][rows], sigma)
            for name, sigma in sigmas.items()
        )
        known = [distance for distance in distances if np.isfinite(distance)]
        return float(np.mean(known)) if known else float("nan")

    n = len(next(iter(simulated.values())))
    result = distance_estimate(lambda rows: mean(generated, rows), n, rng, 20).as_dict()
    return result | {"null": mean(reference, np.arange(n))}


def _auc(tables, rng) -> dict[str, float]:
    """Classifier of generated against simulated, and of two simulated samples."""
    generated, simulated, reference = tables
    null = classifier_auc(reference, simulated, rng)
    ends = {"null": null.value, "null_low": null.low, "null_high": null.high}
    return classifier_auc(generated, simulated, rng).as_dict() | ends


def _diversity(samples, measured, rng) -> dict:
    """Section ``diversity``: whether generated images fill the space of simulated ones."""
    scaled = _standardise([_table(image_parameters(x)) for x in measured])
    found = manifold(scaled[0], scaled[1], rng)
    null = manifold(scaled[2], scaled[1], rng)
    result = {name: found[name].as_dict() | {"null": null[name].value} for name in found}
    # Closer to each other than any two simulated images are: drawn twice.
    apart, apart_simulated = (nearest(_pixels(sample)) for sample in samples[:2])
    result["duplicates"] = float(np.mean(apart < apart_simulated.min()))
    return result


def _memory(generated: Sample, simulated: Sample, training: Sample | None) -> dict:
    """Share of images closer to a training image than 1% of new simulated ones are."""
    if training is None:
        return {"memorised": None}
    known = _pixels(training)
    to_training = nearest(_pixels(generated), known)
    expected = nearest(_pixels(simulated), known)
    ratio = float(np.median(to_training) / np.median(expected))
    share = share_closer(to_training, expected, _CLOSE_SHARE)
    return {"memorised": {"value": share, "null": _CLOSE_SHARE, "median_distance_ratio": ratio}}


def _pixels(sample: Sample) -> np.ndarray:
    """Images by pattern alone, of equal brightness: a distance then means a low correlation.

    Otherwise faint images with little noise would pass for copies of each other.
    """
    pattern = np.arcsinh(sample.charge / CHARGE_SCALE)
    pattern -= pattern.mean(axis=1, keepdims=True)
    return pattern / np.maximum(np.linalg.norm(pattern, axis=1, keepdims=True), 1e-6)


def _with_labels(measured, sample: Sample) -> dict[str, np.ndarray]:
    """Parameters, labels, and how the image lies towards its source."""
    labels = {name: np.asarray(sample.labels[name], dtype=float) for name in _LABELS}
    return image_parameters(measured) | {name: measured[name] for name in POINTING} | labels


def _table(columns: dict[str, np.ndarray]) -> np.ndarray:
    return np.stack(list(columns.values()), axis=1)


def _standardise(tables: list[np.ndarray]) -> list[np.ndarray]:
    """In simulated standard deviations, without columns that say nothing, outliers clipped."""
    simulated = tables[1]
    known = np.isfinite(simulated).any(axis=0)
    centre, sigma = np.zeros(len(known)), np.zeros(len(known))
    centre[known] = np.nanmean(simulated[:, known], axis=0)
    sigma[known] = np.nanstd(simulated[:, known], axis=0)
    use = sigma > 0
    return [
        np.clip((table[:, use] - centre[use]) / sigma[use], -_CLIP_SIGMAS, _CLIP_SIGMAS)
        for table in tables
    ]
