"""Triggered toy events with their truth, batch by batch, in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from . import atmosphere, image, light, showers
from .cascades import Development, develop, slant_factor
from .conditions import USUAL as USUAL_CONDITIONS
from .conditions import Conditions
from .pixels import USUAL, PixelGrid
from .telescope import ToyCamera, toy_camera

BATCH = 1000  # showers thrown at once; more would not fit the processor's cache
FAINTEST = 12.0  # p.e. on the mirror; fainter showers never trigger, so they are not traced


@dataclass(frozen=True)
class ToyEvents:
    """Triggered events of one batch of thrown showers.

    Attributes
    ----------
    charge, peak_time : ndarray float32 (n, n_pixels)
        p.e. and ns.
    photo_electrons : ndarray int32 (n, n_pixels)
        True number from Cherenkov light.
    thrown_index : ndarray int (n,)
        Number of the shower within all thrown ones, from 0.
    energy : ndarray (n,)
        TeV.
    alt, az : ndarray (n,)
        Direction of the primary, deg.
    core_x, core_y : ndarray (n,)
        Ground frame (north, west), m.
    first_interaction : ndarray (n,)
        Height a.s.l., m.
    x_max : ndarray (n,)
        Slant depth of the shower maximum, g/cm2.
    n_thrown : int
        Showers thrown for this batch.
    """

    charge: np.ndarray
    peak_time: np.ndarray
    photo_electrons: np.ndarray
    thrown_index: np.ndarray
    energy: np.ndarray
    alt: np.ndarray
    az: np.ndarray
    core_x: np.ndarray
    core_y: np.ndarray
    first_interaction: np.ndarray
    x_max: np.ndarray
    n_thrown: int

    def __len__(self) -> int:
        return len(self.charge)

    def select(self, index) -> "ToyEvents":
        """Events at ``index``, of the same thrown showers."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "n_thrown"}
        return replace(self, **{name: values[index] for name, values in arrays.items()})


def event_batches(
    particle: str,
    seed: int,
    grid: PixelGrid = USUAL,
    conditions: Conditions = USUAL_CONDITIONS,
) -> Iterator[ToyEvents]:
    """Endless batches of events that trigger a camera; a seed always gives the same ones."""
    camera = toy_camera(grid, conditions)
    rng = np.random.default_rng([seed, showers.PRIMARY_IDS[particle]])
    n_thrown = 0
    while True:
        yield _batch(particle, camera, n_thrown, rng)
        n_thrown += BATCH


def _batch(particle: str, camera: ToyCamera, offset: int, rng: np.random.Generator) -> ToyEvents:
    primaries = showers.throw(BATCH, rng)
    development = develop(particle, primaries, rng)
    photo_electrons, bright = _trace(primaries.towards, development, camera.point_spread, rng)
    row = np.full(BATCH, -1)
    row[bright] = np.arange(len(bright))
    collected = image.collect(photo_electrons, row, len(bright), camera, rng)

    fired = image.triggered(collected.charge, camera)
    event = bright[fired]
    seen = collected.select(fired)
    charge, peak_time = image.digitise(seen, camera, rng)
    alt, az = showers.altaz(primaries.towards[event])
    core_x, core_y = showers.ground_position(primaries.core[event])
    vertical = development.first_interaction[event] / slant_factor(primaries.towards[event])
    return ToyEvents(
        charge=charge,
        peak_time=peak_time,
        photo_electrons=seen.photo_electrons,
        thrown_index=offset + event,
        energy=primaries.energy[event],
        alt=alt,
        az=az,
        core_x=core_x,
        core_y=core_y,
        first_interaction=atmosphere.height(vertical),
        x_max=development.depth_of_maximum()[event],
        n_thrown=BATCH,
    )


def _trace(towards: np.ndarray, development: Development, point_spread: float, rng):
    """Photo-electrons of the showers bright enough to trigger, and the indices of those."""
    cascades, muons = development.cascades, development.muons
    steps = light.cascade_steps(cascades, towards[cascades.event], point_spread)
    from_cascades = np.bincount(cascades.event, steps.expected.sum(axis=1), len(towards))
    from_muons = np.bincount(muons.event, light.muon_light(muons), len(towards))
    bright = from_cascades + from_muons > FAINTEST

    kept = bright[cascades.event]
    photo_electrons = [light.trace_cascades(steps.select(kept), cascades.event[kept], rng)]
    kept = np.flatnonzero(bright[muons.event])
    if kept.size:
        shining = muons.select(kept)
        front = towards[shining.event]
        photo_electrons.append(light.trace_muons(shining, front, point_spread, rng))
    return photo_electrons, np.flatnonzero(bright)
