"""Distances in the feature space of judges, as the Frechet Inception Distance has it."""

import numpy as np

from .inception import energy_score, type_score
from .label_fidelity import LabelResult, TypeResult
from .physics_distances import frechet_distance, split_null


def judge_features(labels: LabelResult, kinds: TypeResult | None, seed: int) -> dict:
    """Section ``features`` of metrics.json.

    Returns
    -------
    dict
        ``energy_direction`` and ``type`` (None without that judge), each with ``frechet``
        (`relative_frechet`) and ``inception_score`` (`inception.compare_scores`).
    """
    rng = np.random.default_rng(seed)
    width = labels.metrics["energy"]["simulated"]["width68"]
    pair = labels.generated["energy"], labels.simulated["energy"]
    section = {
        "energy_direction": {
            "frechet": relative_frechet(*labels.features[::-1], rng),
            "inception_score": energy_score(*pair, width, rng),
        },
        "type": None,
    }
    if kinds is not None:
        section["type"] = {
            "frechet": relative_frechet(*kinds.features[::-1], rng),
            "inception_score": type_score(kinds.generated, kinds.simulated, kinds.other, rng),
        }
    return section


def relative_frechet(generated: np.ndarray, simulated: np.ndarray, rng) -> dict[str, float]:
    """Frechet distance for infinitely many events, in units of the simulated total variance.

    Only images that the judge has not been trained on are compared: it knows those too well.

    Parameters
    ----------
    generated, simulated : ndarray (n, d)
        Features; row i of both belongs to the same labels.

    Returns
    -------
    dict of str to float
        See `physics_distances.split_null`.
    """
    total = max(float(simulated.var(axis=0).sum()), 1e-12)
    parts = (x.astype(float) for x in (generated, simulated))
    entry = split_null(lambda a, b: frechet_distance(a, b, rng), *parts, rng)
    return {name: value / total for name, value in entry.items()}
