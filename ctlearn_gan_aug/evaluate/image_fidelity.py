"""Whether generated images look like simulated ones in what analysts measure on them."""

from dataclasses import dataclass

import numpy as np

from ..dl1.cleaning import CleaningSettings
from .bins import energy_bins, log_energies
from .cache import NO_CACHE, Cache, digest
from .correlations import compare_correlations
from .metrics import (
    classifier_auc,
    distance_estimate,
    kolmogorov_smirnov,
    wasserstein_sigma,
)
from .neighbours import manifold, nearest, share_closer
from .observables import CHARGE_SCALE, POINTING, image_parameters, measure, pixel_charges
from .physics_distances import against_null, frechet_distance, kernel_distance
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
    simulated, generated, reference : dict of str to ndarray (n,)
        Observables by name, see `observables.measure`.
    charges : tuple of ndarray
        asinh(q / 5 p.e.) of random pixels, simulated and generated.
    """

    metrics: dict
    simulated: dict[str, np.ndarray]
    generated: dict[str, np.ndarray]
    reference: dict[str, np.ndarray]
    charges: tuple[np.ndarray, np.ndarray]


def judge_images(
    generated: Sample,
    simulated: Sample,
    reference: Sample,
    cleaning: CleaningSettings,
    *,
    seed: int,
    training: Sample | None = None,
    cache: Cache = NO_CACHE,
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
    cache : Cache
        Of measured simulated images.
    """
    rng = np.random.default_rng(seed)
    samples = (generated, simulated, reference)
    measured = [measure(generated, cleaning)]
    measured += [_measure_once(sample, cleaning, cache, measured[0]) for sample in samples[1:]]
    charges = [pixel_charges(sample, _N_PIXELS, rng) for sample in samples]
    metrics = {
        "images": _images(samples, measured, charges, rng),
        "diversity": _diversity(samples, measured, rng) | _memory(generated, simulated, training),
    }
    return ImageResult(metrics, measured[1], measured[0], measured[2], (charges[1], charges[0]))


def _measure_once(sample: Sample, cleaning: CleaningSettings, cache: Cache, names):
    """`observables.measure` or what an earlier time found, in the order of ``names``."""
    content = {} if cache.folder is None else {"sample": digest(sample), "cleaning": repr(cleaning)}
    found = cache.get("measured", content, lambda: measure(sample, cleaning))
    return {name: found[name] for name in names}


def _images(samples, measured, charges, rng) -> dict:
    """Section ``images``: one-dimensional distances and classifiers on parameters."""
    parameters = [image_parameters(x) for x in measured]
    names = [name for name, values in measured[1].items() if np.isfinite(values).any()]
    return {
        "n": len(samples[1]),
        "mean_w1": mean_w1(*parameters, rng),
        "parameters": {
            name: _compare_parameter(*(x[name] for x in measured))
            | _interval(measured[0][name], measured[1][name], rng)
            for name in names
        },
        "bins": _by_energy(names, measured, samples),
        **_joint(parameters, rng),
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


def _compare_parameters(names, measured) -> dict[str, dict[str, float]]:
    return {name: _compare_parameter(*(x[name] for x in measured)) for name in names}


def _interval(generated: np.ndarray, simulated: np.ndarray, rng) -> dict[str, float]:
    """95% interval of W1 from resampled generated images."""
    sigma = float(np.nanstd(simulated))
    found = distance_estimate(
        lambda rows: wasserstein_sigma(generated[rows], simulated, sigma), len(generated), rng, 20
    )
    return {"w1_low": found.low, "w1_high": found.high}


def _compare_parameter(generated, simulated, reference) -> dict[str, float]:
    return {
        "w1": wasserstein_sigma(generated, simulated),
        "w1_null": wasserstein_sigma(reference, simulated),
        "ks": kolmogorov_smirnov(generated, simulated),
        "ks_null": kolmogorov_smirnov(reference, simulated),
    }


def _by_energy(names, measured, samples) -> list[dict]:
    """W1 and KS of every observable in bins of the requested energy."""
    energies = [log_energies(sample.labels) for sample in samples]
    found = []
    for edges, inside in energy_bins(energies[1]):
        low, high = edges.values()
        rows = (inside, inside, (energies[2] >= low) & (energies[2] < high))
        parts = [
            {name: values[here] for name, values in x.items()}
            for x, here in zip(measured, rows, strict=True)
        ]
        entry = edges | {"n": int(inside.sum()), "n_null": int(rows[2].sum())}
        compared = _compare_parameters(names, parts)
        plain = image_parameters(compared)
        for key, column in (("mean_w1", "w1"), ("mean_w1_null", "w1_null")):
            values = [x[column] for x in plain.values() if np.isfinite(x[column])]
            entry[key] = float(np.mean(values)) if values else float("nan")
        found.append(entry | {"parameters": compared})
    return found


def _joint(parameters, rng) -> dict:
    """Distances between samples of all parameters at once."""
    names = _informative(_table(parameters[1]), list(parameters[1]))
    scaled = _standardise([_table(x) for x in parameters])
    return {
        "correlations": compare_correlations(names, *scaled, rng),
        "fpd": against_null(lambda a, b: frechet_distance(a, b, rng), *scaled, rng),
        "kpd": against_null(lambda a, b: kernel_distance(a, b, rng), *scaled, rng, -np.inf),
    }


def mean_w1(generated, simulated, reference, rng) -> dict[str, float]:
    """W1 averaged over ctapipe's parameters: noise has a scale of its own.

    Parameters
    ----------
    generated, simulated, reference : dict of str to ndarray (n,)
        Parameters of generated images, simulated ones of equal labels, and other simulated ones.

    Returns
    -------
    dict of str to float
        ``value``, ``low``, ``high``; ``null`` between the simulated samples.
    """
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
    return result | {"null": mean(reference, slice(None))}


def _auc(tables, rng) -> dict[str, float]:
    """Classifier of generated against simulated, and of two simulated samples."""
    generated, simulated, reference = tables
    null = classifier_auc(reference, simulated, rng)
    ends = {"null": null.value, "null_low": null.low, "null_high": null.high}
    return classifier_auc(generated, simulated, rng).as_dict() | ends


def joint_table(result: ImageResult) -> list[np.ndarray]:
    """Standardised parameters (n, d) of generated, simulated and reference images."""
    measured = (result.generated, result.simulated, result.reference)
    return _standardise([_table(image_parameters(x)) for x in measured])


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


def _informative(simulated: np.ndarray, names: list[str]) -> list[str]:
    """Names of the columns that `_standardise` keeps."""
    return [name for name, use in zip(names, _scale(simulated)[1] > 0, strict=True) if use]


def _scale(simulated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every column, 0 where there is none."""
    known = np.isfinite(simulated).any(axis=0)
    centre, sigma = np.zeros(len(known)), np.zeros(len(known))
    centre[known] = np.nanmean(simulated[:, known], axis=0)
    sigma[known] = np.nanstd(simulated[:, known], axis=0)
    return centre, sigma


def _standardise(tables: list[np.ndarray]) -> list[np.ndarray]:
    """In simulated standard deviations, without columns that say nothing, outliers clipped."""
    centre, sigma = _scale(tables[1])
    use = sigma > 0
    return [
        np.clip((table[:, use] - centre[use]) / sigma[use], -_CLIP_SIGMAS, _CLIP_SIGMAS)
        for table in tables
    ]
