"""Which generated images stand beside which simulated ones."""

from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from .bins import BIN_WIDTH, label_cells
from .sample import Sample

MIN_PAIRS = 20  # images on each side; below, no statistic means anything
_SAME_ENERGY = 1e-4  # relative; files keep single precision
_CELL = (BIN_WIDTH / 2, 0.5)  # dex, deg


@dataclass(frozen=True)
class Aligned:
    """Samples to compare.

    Attributes
    ----------
    judging : Sample
        Simulated images that judges learn from.
    reference : Sample
        Those of them that give the null values, as many as ``simulated``.
    simulated : Sample
        Other simulated images.
    generated : Sample or None
        Image i has the labels of simulated image i, or similar ones; None: still to be generated.
    how : str
        ``requested``: generated for these labels; ``paired``: the same events; ``matched``: other
        events of similar energy and offset.
    """

    judging: Sample
    reference: Sample
    simulated: Sample
    generated: Sample | None
    how: str


def align_requests(events: Sample, max_events: int | None, seed: int) -> Aligned:
    """Halve test events: labels of one half are to be generated, the other half is for judges."""
    judging, simulated = limit(events, max_events, seed).halves(seed)
    return Aligned(judging, judging, simulated, None, "requested")


def align_images(
    images: Sample, events: Sample, max_events: int | None, seed: int, source="The images"
) -> Aligned:
    """Find the simulated events that images from files are to be compared with.

    Images of the same events are compared in pairs. Without such, simulated events are drawn in
    cells of 0.125 dex and 0.5 deg, as many as there are images.

    Parameters
    ----------
    images, events : Sample
        Images to evaluate, and test events.
    max_events : int, optional
        Use at most so many test events.
    seed : int
        Of the division of the test events.
    source : object
        What to call the images in errors.

    Raises
    ------
    UserError
        If fewer than 20 images find a counterpart.
    """
    rng = np.random.default_rng(seed)
    rows, partners = shared_events(images, events)
    half = min(len(events), max_events or len(events)) // 2
    if len(partners):
        chosen = np.sort(rng.permutation(len(partners))[:half])
        rows, partners = rows[chosen], partners[chosen]
    rest = np.setdiff1d(np.arange(len(events)), partners)
    if not len(partners):
        rest = rng.permutation(rest)
        rest, partners = np.sort(rest[:half]), np.sort(rest[half : 2 * half])
        cells = [_cells(x) for x in (images, events.select(partners), events.select(rest))]
        rows, places, others = match(cells, rng)
        partners, how = partners[places], "matched"
    else:
        rest = np.sort(rng.permutation(rest)[: max(half, len(partners))])
        others, how = _references(events, partners, rest, rng), "paired"
    _check_enough(len(rows), source)
    judging = events.select(rest)
    return Aligned(
        judging, judging.select(others), events.select(partners), images.select(rows), how
    )


def shared_events(images: Sample, events: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both samples that belong to the same event and telescope and have one energy."""
    keys = [
        {key: row for row, key in enumerate(_identities(sample.labels))}
        for sample in (images, events)
    ]
    shared = [(row, keys[1][key]) for key, row in keys[0].items() if key in keys[1]]
    rows, partners = np.array(shared, dtype=int).reshape(-1, 2).T
    energies = (
        np.asarray(sample.labels["true_energy"])[index]
        for sample, index in ((images, rows), (events, partners))
    )
    same = np.isclose(*energies, rtol=_SAME_ENERGY, atol=0)
    order = np.argsort(partners[same])
    return rows[same][order], partners[same][order]


def match(cells: list[np.ndarray], rng) -> list[np.ndarray]:
    """Rows of several samples, one of each, that lie in the same cell.

    Parameters
    ----------
    cells : list of ndarray of int (n_i, k)
        Cell of every event, by sample.

    Returns
    -------
    list of ndarray of int (m,)
        Row of every sample; in each cell as many as the smallest sample has there, at random.
    """
    _, number = np.unique(np.concatenate(cells), axis=0, return_inverse=True)
    parts = np.split(number.ravel(), np.cumsum([len(x) for x in cells])[:-1])
    found = []
    for cell in np.unique(number):
        here = [rng.permutation(np.flatnonzero(part == cell)) for part in parts]
        count = min(map(len, here))
        found.append(np.stack([rows[:count] for rows in here]))
    return list(np.concatenate(found, axis=1))


def limit(events: Sample, max_events: int | None, seed: int) -> Sample:
    """A random subset, in order."""
    if max_events is None or max_events >= len(events):
        return events
    rng = np.random.default_rng(seed)
    return events.select(np.sort(rng.choice(len(events), max_events, replace=False)))


def _references(events: Sample, partners, rest, rng) -> np.ndarray:
    """Rows of ``rest`` whose labels are distributed as those of ``partners``."""
    cells = [_cells(events.select(index)) for index in (partners, rest)]
    matched = match(cells, rng)[1]
    # A few events without counterpart are chance; many, that files cover other labels.
    if len(matched) > 0.75 * len(partners) and len(rest) >= len(partners):
        return np.sort(rng.permutation(len(rest))[: len(partners)])
    return matched


def _cells(sample: Sample) -> np.ndarray:
    return label_cells(sample.labels, *_CELL)


def _identities(labels) -> list[tuple]:
    names = ("obs_id", "event_id", "tel_id")
    return list(zip(*(np.asarray(labels[name]).tolist() for name in names), strict=True))


def _check_enough(n: int, source) -> None:
    if n < MIN_PAIRS:
        raise UserError(
            f"{source}: only {n} images have simulated events of similar energy and offset in the "
            f"test files beside them, at least {MIN_PAIRS} are needed; give more of either."
        )
