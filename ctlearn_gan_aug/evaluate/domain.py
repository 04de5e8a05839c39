"""How images hold across the label domain: everywhere in it, at its edges, and in a gap of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bins import BIN_WIDTH, label_cells, offsets
from .gaps import Gap
from .image_fidelity import ImageResult, joint_table, mean_w1
from .label_fidelity import LabelResult
from .neighbours import manifold
from .observables import image_parameters
from .residuals import compare
from .sample import Sample

MIN_CELL = 25  # events of a cell
MIN_PART = 20  # events at an edge or in a gap
OFFSET_WIDTH = 0.5  # deg
EDGE_SHARE = 0.05
#: A cell counts as covered if generated images lie near this share of those near which simulated
#: ones do.
CELL_COVERED = 0.8
_SCALARS = {
    "energy": "log_true_energy",
    "first interaction": "true_h_first_int",
    "shower maximum": "true_x_max",
}


@dataclass(frozen=True)
class Compared:
    """Generated images beside simulated ones of equal labels, and what was found of them.

    Attributes
    ----------
    simulated, reference : Sample
        Whose labels say where an event lies; ``reference`` is other simulation.
    labels : LabelResult
        Reconstructed labels.
    images : ImageResult
        Measured images.
    """

    simulated: Sample
    reference: Sample
    labels: LabelResult
    images: ImageResult


def judge_domain(
    found: Compared, known, requested, gaps: Sequence[Gap], seed: int, columns: Sequence[str]
) -> dict:
    """Section ``domain`` of metrics.json.

    Parameters
    ----------
    found : Compared
        Both samples.
    known : astropy.table.Table or None
        Labels of the training events.
    requested : astropy.table.Table or None
        Labels of all events that were generated; None if they are those of the test events.
    gaps : sequence of Gap
        Regions without training labels.
    columns : sequence of str
        Label columns of the generator.

    Returns
    -------
    dict
        ``coverage``, ``cells``, ``edges`` by label and ``gap``; None where there is no answer.
    """
    rng = np.random.default_rng(seed)
    covering = requested if requested is not None else known
    return {
        "coverage": cell_coverage(found, rng),
        "cells": None if covering is None else label_coverage(covering, found.simulated.labels),
        "edges": None if known is None else _edges(found, known, columns, rng),
        "gap": _gap(found, known, gaps, rng),
    }


def label_coverage(labels, simulated) -> dict[str, float]:
    """Share of the cells of energy and offset with simulated events in which there are others too.

    Parameters
    ----------
    labels, simulated : astropy.table.Table
        Event label tables.
    """
    there = set(map(tuple, label_cells(labels, BIN_WIDTH, OFFSET_WIDTH)))
    cells, counts = np.unique(
        label_cells(simulated, BIN_WIDTH, OFFSET_WIDTH), axis=0, return_counts=True
    )
    wanted = [tuple(cell) for cell, n in zip(cells, counts, strict=True) if n >= 5]
    covered = sum(cell in there for cell in wanted)
    return {"n": len(wanted), "value": covered / len(wanted) if wanted else float("nan")}


def cell_coverage(found: Compared, rng) -> dict[str, float] | None:
    """Whether generated images fill the space of simulated ones in every part of the label domain.

    Returns
    -------
    dict or None
        ``n`` cells of energy and offset; ``mean`` and ``mean_null`` coverage in them (Naeem et
        al.); ``value`` and ``null``, shares of the cells with at least `CELL_COVERED` of the mean
        coverage between simulated samples. None if no cell holds enough events.
    """
    generated, simulated, reference = joint_table(found.images)
    cells = label_cells(found.simulated.labels, BIN_WIDTH, OFFSET_WIDTH)
    others = label_cells(found.reference.labels, BIN_WIDTH, OFFSET_WIDTH)
    made, null = [], []
    for cell, n in zip(*np.unique(cells, axis=0, return_counts=True), strict=True):
        here, there = (cells == cell).all(axis=1), (others == cell).all(axis=1)
        if n >= MIN_CELL and np.count_nonzero(there) >= MIN_CELL:
            made.append(manifold(generated[here], simulated[here], rng)["coverage"].value)
            null.append(manifold(reference[there], simulated[here], rng)["coverage"].value)
    usable = np.isfinite(made) & np.isfinite(null)
    made, null = np.array(made)[usable], np.array(null)[usable]
    if not len(made):
        return None
    enough = CELL_COVERED * null.mean()
    return {
        "n": len(made),
        "value": float(np.mean(made >= enough)),
        "null": float(np.mean(null >= enough)),
        "mean": float(made.mean()),
        "mean_null": float(null.mean()),
    }


def at_edges(labels, known, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Which events (n,) lie where the outermost 5% of the training events do, by label.

    At both ends for energy and depth, far out for offset and impact.

    Parameters
    ----------
    labels, known : astropy.table.Table
        Of the events and of the training.
    columns : sequence of str
        Label columns of the generator.
    """
    measures = {"offset": offsets}
    if "impact_x" in columns:
        measures["impact"] = lambda table: np.hypot(*_columns(table, "impact_x", "impact_y"))
    inside = {}
    for name, column in _SCALARS.items():
        if column in columns and column in known.colnames:
            (training,), (values,) = _columns(known, column), _columns(labels, column)
            low, high = np.quantile(training, [EDGE_SHARE / 2, 1 - EDGE_SHARE / 2])
            inside[name] = (values < low) | (values > high)
    for name, measure in measures.items():
        limit = np.quantile(measure(known), 1 - EDGE_SHARE)
        inside[name] = measure(labels) > limit
    return inside


def _edges(found: Compared, known, columns, rng) -> dict:
    places = [
        at_edges(sample.labels, known, columns) for sample in (found.simulated, found.reference)
    ]
    edges = {name: _part(found, here, places[1][name], rng) for name, here in places[0].items()}
    anywhere = [np.any(list(place.values()), axis=0) for place in places]
    return edges | {"any": _part(found, *anywhere, rng)}


def _gap(found: Compared, known, gaps: Sequence[Gap], rng) -> dict | None:
    if not gaps:
        return None
    samples = (found.simulated, found.reference)
    inside = [np.any([gap.holds(s.labels) for gap in gaps], axis=0) for s in samples]
    result = {"regions": [gap.as_dict() for gap in gaps]}
    if known is not None:
        result["n_training"] = int(sum(gap.holds(known).sum() for gap in gaps))
    return result | _part(found, *inside, rng)


def _part(found: Compared, here: np.ndarray, there: np.ndarray, rng) -> dict:
    """Residuals and parameters of some events; the numbers are None for too few of them.

    Parameters
    ----------
    here, there : ndarray of bool (n,)
        Which events of ``simulated`` and ``reference`` it is about.
    """
    part = {"n": int(np.count_nonzero(here)), "energy": None, "direction": None, "mean_w1": None}
    if part["n"] < MIN_PART:
        return part
    for name in ("energy", "direction"):
        pair = (getattr(found.labels, kind)[name] for kind in ("generated", "simulated"))
        part[name] = compare(*(events.select(here) for events in pair), rng)
    if np.count_nonzero(there) >= MIN_PART:
        images = found.images
        parts = ((images.generated, here), (images.simulated, here), (images.reference, there))
        cut = (
            {name: values[rows] for name, values in image_parameters(x).items()}
            for x, rows in parts
        )
        part["mean_w1"] = mean_w1(*cut, rng)
    return part


def _columns(table, *names) -> list[np.ndarray]:
    return [np.asarray(table[name], dtype=float) for name in names]
