"""Whether images follow their labels, asked of judges trained on held-out simulation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..data.pipeline import Symmetries
from ..labels import LabelSet
from .bins import energy_bins, log_energies
from .cache import NO_CACHE, Cache, digest, software
from .judges import REGRESSION_LABELS, Judge, PixelFeatures
from .metrics import Estimate, auc_estimate, percentile_interval
from .migration import migration
from .residuals import Reconstruction, by_energy, compare, trivial_mae
from .sample import Sample

#: A judge whose error exceeds this share of a blind guess's has not learnt.
LEARNT_ERROR = 0.6
#: Likewise one whose type score separates simulated particles less well.
LEARNT_AUC = 0.65
_N_RESAMPLES = 200


@dataclass(frozen=True)
class LabelResult:
    """Reconstructed labels of both samples, for figures, and the metrics made of them.

    Attributes
    ----------
    metrics : dict
        Sections ``energy`` and ``direction`` of metrics.json.
    simulated, generated : dict of str to Reconstruction
        By section: log10 TeV, deg.
    features : tuple of ndarray (n, 96)
        Of simulated and generated images in the judge, see `Judge.embed`.
    """

    metrics: dict
    simulated: dict[str, Reconstruction]
    generated: dict[str, Reconstruction]
    features: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class TypeResult:
    """Scores of the right particle type, for figures, and the metrics made of them.

    Attributes
    ----------
    metrics : dict
        Section ``type`` of metrics.json.
    simulated, generated, other : ndarray (n,)
        Probability a judge gives to the generator's particle.
    features : tuple of ndarray (n, 96)
        Of simulated and generated images in the judge, see `Judge.embed`.
    """

    metrics: dict
    simulated: np.ndarray
    generated: np.ndarray
    other: np.ndarray
    features: tuple[np.ndarray, np.ndarray]


def judge_labels(
    training: Sample,
    simulated: Sample,
    generated: Sample,
    *,
    n_images: int,
    seed: int,
    progress: Callable[[int], None],
    cache: Cache = NO_CACHE,
) -> LabelResult:
    """Train a judge of energy and direction and let it reconstruct both samples.

    Parameters
    ----------
    training : Sample
        Simulated images to train on.
    simulated, generated : Sample
        Images of the same labels.
    n_images : int
        Images drawn in training.
    progress : callable
        Called with the number of images after every batch.
    cache : Cache
        Of trained judges.
    """
    features = PixelFeatures.fit(training)
    labels = LabelSet.fit(REGRESSION_LABELS, training.labels)
    inputs = features(training)
    judge = Judge(REGRESSION_LABELS, training.camera, inputs.shape[-1], seed)
    symmetries = Symmetries.of(training.camera, labels)
    targets = labels.encode(training.labels)
    _train_once(judge, [training], cache, n_images, progress, (inputs, targets, symmetries))

    found, embedded = {}, []
    for name, sample in {"simulated": simulated, "generated": generated}.items():
        inputs = features(sample)
        found[name] = _reconstructions(labels.decode(judge.predict(inputs)), sample)
        embedded.append(judge.embed(inputs))
    metrics = {
        section: _section(found["generated"][section], found["simulated"][section], simulated, seed)
        for section in ("energy", "direction")
    }
    pair = (found["generated"]["energy"], found["simulated"]["energy"])
    metrics["energy"]["migration"] = migration(*pair, np.random.default_rng(seed))
    return LabelResult(metrics, found["simulated"], found["generated"], tuple(embedded))


def judge_type(
    training: tuple[Sample, Sample],
    simulated: tuple[Sample, Sample],
    generated: Sample,
    *,
    n_images: int,
    seed: int,
    progress: Callable[[int], None],
    cache: Cache = NO_CACHE,
) -> TypeResult:
    """Train a judge of the particle type and let it classify all samples.

    Parameters
    ----------
    training, simulated : tuple of Sample
        The generator's particle and the other one.
    generated : Sample
        Images of the same labels as ``simulated[0]``.
    n_images, seed, progress, cache
        As in `judge_labels`.
    """
    features, judge = _train_classifier(training, n_images, seed, progress, cache)
    inputs = [features(sample) for sample in (*simulated, generated)]
    own, other, made = (judge.predict(part)[:, 1] for part in inputs)
    rng = np.random.default_rng(seed)
    auc = _separation(own, other, rng)
    metrics = {
        "n": len(own),
        "n_other": len(other),
        "simulated": {"accuracy": float(np.mean(own > 0.5)), "mean_score": float(own.mean())},
        "generated": {"accuracy": float(np.mean(made > 0.5)), "mean_score": float(made.mean())},
        "other": {"accuracy": float(np.mean(other <= 0.5)), "mean_score": float(other.mean())},
        "auc": {"simulated": auc.as_dict(), "generated": _separation(made, other, rng).as_dict()},
        "difference": _accuracy_difference(made > 0.5, own > 0.5, rng),
        "judge_learnt": auc.value >= LEARNT_AUC,
        "bins": type_by_energy(made, own, log_energies(simulated[0].labels), rng),
    }
    return TypeResult(metrics, own, made, other, (judge.embed(inputs[0]), judge.embed(inputs[2])))


def pixel_auc(
    simulated: Sample, generated: Sample, *, n_images: int, seed: int, progress
) -> dict[str, float]:
    """How well a network tells generated from simulated images by their pixels.

    Two thirds of the images train the network, the rest is scored. Two simulated samples give
    0.5; ``null_low`` and ``null_high`` are the 95% statistical interval around it.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(simulated))
    held_out, learn = np.split(order, [len(order) // 3])
    training = (generated.select(learn), simulated.select(learn))
    features, judge = _train_classifier(training, n_images, seed, progress, NO_CACHE)
    scores = [judge.predict(features(s.select(held_out)))[:, 1] for s in (generated, simulated)]
    n = len(held_out)
    spread = 1.96 * np.sqrt((2 * n + 1) / (12.0 * n * n))  # of the rank statistic without signal
    null = {"null": 0.5, "null_low": 0.5 - spread, "null_high": 0.5 + spread}
    return _separation(*scores, rng).as_dict() | null


def _train_once(
    judge: Judge, samples: Sequence[Sample], cache: Cache, n_images: int, progress, data
) -> None:
    """Train a judge on inputs, targets and symmetries, or take the weights of an earlier time."""

    def train() -> dict[str, np.ndarray]:
        judge.train(*data, n_images, progress)
        return judge.weights

    content = {}
    if cache.folder is not None:
        content = {"samples": [digest(sample) for sample in samples], "software": software()}
        content |= judge.settings(n_images)
    shapes = {name: weight.shape for name, weight in judge.weights.items()}
    judge.weights = cache.get("judge", content, train, like=shapes)


def _train_classifier(
    training: tuple[Sample, Sample], n_images: int, seed: int, progress, cache: Cache
):
    """A type judge whose class 1 is the first sample, trained on equal shares of both."""
    features = PixelFeatures.fit(training[1])
    parts = [features(sample) for sample in training]
    largest = max(map(len, parts))
    # The smaller class comes more often.
    inputs = np.concatenate([part[np.arange(largest) % len(part)] for part in parts])
    targets = np.repeat(np.array([[1.0], [0.0]], np.float32), largest, axis=0)
    camera = training[0].camera
    judge = Judge(("type",), camera, inputs.shape[-1], seed)
    data = (inputs, targets, _symmetries_without_labels(camera))
    _train_once(judge, training, cache, n_images, progress, data)
    return features, judge


def _symmetries_without_labels(camera) -> Symmetries:
    """Camera symmetries that leave a class as it is."""
    source = np.stack([symmetry.source for symmetry in camera.symmetries])
    return Symmetries(source, np.ones((len(source), 1, 1), np.float32))


def _reconstructions(predicted: dict, sample: Sample) -> dict[str, Reconstruction]:
    """Energies in log10 TeV and camera positions as angles in deg."""
    per_metre = np.degrees(1.0 / sample.camera.focal_length)
    axes = ("cam_coord_offset_x", "cam_coord_offset_y")
    energies = [_columns(table, ("log_true_energy",)) for table in (predicted, sample.labels)]
    directions = [_columns(table, axes) * per_metre for table in (predicted, sample.labels)]
    return {"energy": Reconstruction(*energies), "direction": Reconstruction(*directions)}


def _columns(table, names) -> np.ndarray:
    return np.stack([np.asarray(table[name], dtype=float) for name in names], axis=1)


def _section(generated: Reconstruction, simulated: Reconstruction, sample: Sample, seed: int):
    rng = np.random.default_rng(seed)
    section = compare(generated, simulated, rng)
    section["trivial_mae"] = trivial_mae(simulated.requested)
    learnt = section["simulated"]["mae"] < LEARNT_ERROR * section["trivial_mae"]
    section["judge_learnt"] = bool(learnt)
    section["bins"] = by_energy(generated, simulated, log_energies(sample.labels), rng)
    return section


def _separation(own: np.ndarray, other: np.ndarray, rng) -> Estimate:
    scores = np.concatenate([own, other])
    return auc_estimate(scores, np.arange(len(scores)) < len(own), rng)


def type_by_energy(generated: np.ndarray, simulated: np.ndarray, log_energy, rng) -> list[dict]:
    """Accuracy and mean score of the generator's particle in bins of the requested energy.

    Parameters
    ----------
    generated, simulated : ndarray (n,)
        Scores of the generator's particle.
    log_energy : ndarray (n,)
        log10(E / TeV) of both samples' events.
    """
    found = []
    for edges, inside in energy_bins(log_energy):
        parts = {"simulated": simulated[inside], "generated": generated[inside]}
        entry = edges | {"n": int(np.count_nonzero(inside))}
        for name, scores in parts.items():
            means = {"accuracy": float(np.mean(scores > 0.5)), "mean_score": float(scores.mean())}
            entry[name] = means
        right = (parts[name] > 0.5 for name in ("generated", "simulated"))
        found.append(entry | {"difference": _accuracy_difference(*right, rng)})
    return found


def _accuracy_difference(generated: np.ndarray, simulated: np.ndarray, rng) -> dict[str, float]:
    """Generated minus simulated accuracy, resampled in pairs of equal labels."""
    n = len(simulated)
    same, other = rng.integers(0, n, (2, _N_RESAMPLES, n))
    reference = simulated[same].mean(axis=1)
    low, high = percentile_interval(generated[same].mean(axis=1) - reference)
    null_low, null_high = percentile_interval(simulated[other].mean(axis=1) - reference)
    entry = {"value": float(generated.mean() - simulated.mean()), "low": low, "high": high}
    return entry | {"null_low": null_low, "null_high": null_high}
