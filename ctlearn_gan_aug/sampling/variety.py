"""More directions and cores than the training events have, as simulation would have them."""

from collections.abc import Callable

import numpy as np
from astropy.table import Table

from ..bundle import Bundle
from ..directions import set_core, set_impact, set_sky

#: Directions are smeared by this part of their training spread, distances of the core by as much.
_SMEARING = 0.05
#: Kuiper's statistic up to which azimuths are even: this, and what chance gives to n events in 1 %.
_UNEVEN, _CHANCE = 0.05, 2.0
_DIRECTION, _IMPACT = ("cam_coord_offset_x", "cam_coord_offset_y"), ("impact_x", "impact_y")
#: Whether events turn, and whether they are moved: the first that stays where events may be counts.
_TURNED, _MOVED = ((True, True), (True, False)), ((False, True),)
_ON_SKY = ("fov_lon", "fov_lat", "true_alt", "true_az")


def vary(
    table: Table, bundle: Bundle, inside: Callable[[Table], np.ndarray], rng: np.random.Generator
) -> None:
    """Turn and mirror events about the telescope axis, and move directions and cores a little.

    Direction and core turn together, by any angle: where simulation knows no preferred direction
    it has such events as often. Otherwise, and where the region forbids it, events do not turn.

    Parameters
    ----------
    table : astropy.table.Table
        Training events of the bundle's telescope; gets new directions, cores and impacts.
    bundle : Bundle
        Its training labels tell whether directions may turn.
    inside : callable
        Tells which rows (n,) of a table like ``table`` are where they may be.
    rng : numpy.random.Generator
        Source of randomness.
    """
    set_impact(table, bundle.subarray)
    left = np.ones(len(table), bool)
    ways = _TURNED + _MOVED if _even(bundle.label_table) else _MOVED
    for turns, smears in ways:
        moved = table.copy()
        if turns:
            _turn(moved, rng)
        if smears:
            _smear(moved, bundle.label_table, rng)
        set_sky(moved, bundle.subarray, bundle.tel_id)
        good = left & inside(moved)
        for name in (*_DIRECTION, *_IMPACT, *_ON_SKY):
            table[name] = np.where(good, moved[name], table[name])
        left &= ~good
        if not left.any():
            break
    set_core(table, bundle.subarray)


def _even(labels: Table) -> bool:
    """Whether directions of the training events are even about the telescope axis."""
    from astropy.stats import kuiper

    x, y = (labels[name].data for name in _DIRECTION)
    statistic, _ = kuiper(np.arctan2(y, x) / (2 * np.pi) % 1.0)
    return bool(statistic < _UNEVEN + _CHANCE / np.sqrt(len(labels)))


def _smear(table: Table, labels: Table, rng: np.random.Generator) -> None:
    """Move directions by a small part of the spread of the training events' ``labels``, and cores
    by as much of their distance.
    """
    for name in _DIRECTION:
        spread = _SMEARING * labels[name].std()
        table[name] = table[name].data + rng.normal(0.0, spread, len(table))
    factor = np.exp(rng.normal(0.0, _SMEARING, len(table)))
    for name in _IMPACT:
        table[name] = factor * table[name].data


def _turn(table: Table, rng: np.random.Generator) -> None:
    """Turn directions and cores by angles of their own, and mirror every second one."""
    angle = rng.uniform(0.0, 2 * np.pi, len(table))
    mirror = rng.choice([-1.0, 1.0], len(table))
    for pair in (_DIRECTION, _IMPACT):
        x, y = table[pair[0]].data, mirror * table[pair[1]].data
        table[pair[0]] = x * np.cos(angle) - y * np.sin(angle)
        table[pair[1]] = x * np.sin(angle) + y * np.cos(angle)
