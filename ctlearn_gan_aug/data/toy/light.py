"""Cherenkov light that reaches the camera: photo-electrons with place and time."""

from dataclasses import dataclass

import numpy as np

from . import atmosphere
from . import telescope as tel
from .cascades import Cascades, Muons, slant_factor
from .conditions import USUAL
from .showers import along

LIGHT_SPEED = 0.299792458  # m/ns
N_STEPS = 28  # depth steps per cascade
FIRST_AGE, LAST_AGE = 0.1, 2.8  # followed between these multiples of the depth of maximum

# p.e. per m2 of mirror would be ~370 photons per g/cm2 and electron, times the efficiency of
# mirror and photosensor, absorption, and the part of the electrons fast and straight enough.
YIELD = 6.5  # p.e. per g/cm2 and electron, integrated over all directions
AGEING = 2.0  # the share of fast electrons falls by 1/e per 1/AGEING of shower age
HALO_ANGLE = np.deg2rad(0.75)  # light outside the Cherenkov cone falls off by 1/e per this angle
LATERAL_FRACTION = 0.065  # lateral spread of the fast electrons in Moliere radii, per axis
TIME_SPREAD = 0.8  # ns, thickness of the shower front and the photosensors' jitter
MAX_TRACES = 4000  # brighter cascades are traced with heavier photo-electrons
FIELD_RADIUS = np.deg2rad(2.3)  # light from farther off cannot reach a pixel

MUON_PE_PER_METER = 33.0  # p.e. per m2 of mirror at 1 m from the track; falls as 1/distance
MUON_RING_SPREAD = np.deg2rad(0.05)  # with the usual optics; it goes with their point spread
MUON_MASS = 1.057e-4  # TeV


@dataclass(frozen=True)
class PhotoElectrons:
    """Detected photo-electrons of a set of events, in no particular order.

    Attributes
    ----------
    event : ndarray int (n,)
        Index of the primary.
    x, y : ndarray float32 (n,)
        Place in the camera (ctapipe's CameraFrame, unrotated), m.
    time : ndarray float32 (n,)
        Arrival at the telescope after a front at light speed along the primary's axis, ns.
    weight : ndarray float32 (n,)
        Photo-electrons that each one stands for.
    """

    event: np.ndarray
    x: np.ndarray
    y: np.ndarray
    time: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class CascadeSteps:
    """Cascades cut into steps along their axes; all arrays (n_cascades, n_steps [+ 1 for edges]).

    Attributes
    ----------
    x, y : ndarray
        Camera position of the edges, m.
    time : ndarray
        Arrival time of light from the edges, ns.
    expected : ndarray
        Mean number of photo-electrons per step.
    spread : ndarray
        Spread in the camera of the light of each step, m, per axis.
    """

    x: np.ndarray
    y: np.ndarray
    time: np.ndarray
    expected: np.ndarray
    spread: np.ndarray

    def select(self, index) -> "CascadeSteps":
        """Steps of the cascades at ``index``."""
        return CascadeSteps(
            self.x[index], self.y[index], self.time[index], self.expected[index], self.spread[index]
        )


def cascade_steps(cascades: Cascades, front: np.ndarray, point_spread: float) -> CascadeSteps:
    """Follow cascades down the atmosphere.

    Parameters
    ----------
    cascades : Cascades
    front : ndarray (n_cascades, 3)
        Axis of the primary of each cascade, which defines time zero.
    point_spread : float
        Of the optics, per axis, rad.
    """
    maximum = cascades.lengths_to_maximum()[:, np.newaxis]
    lengths = np.linspace(FIRST_AGE, LAST_AGE, N_STEPS + 1) * maximum
    slant = slant_factor(cascades.towards)[:, np.newaxis]
    depth = cascades.start[:, np.newaxis] + lengths * cascades.radiation_length()[:, np.newaxis]
    # Below the telescope nothing is seen: steps there have no length.
    depth = np.minimum(depth, atmosphere.depth(tel.OBSERVATION_LEVEL + 100.0) * slant)
    height = atmosphere.height(depth / slant)
    edges = _project(cascades, front, height, slant)

    electrons = _fast_electrons(lengths, maximum) * cascades.light[:, np.newaxis]
    per_depth = YIELD * electrons * _light_on_mirror(edges.distance, edges.axial, height)
    per_depth *= np.hypot(edges.x, edges.y) < FIELD_RADIUS * tel.FOCAL_LENGTH
    lateral = LATERAL_FRACTION * atmosphere.moliere_radius(height) * cascades.width[:, np.newaxis]
    spread = tel.FOCAL_LENGTH * np.hypot(lateral / edges.distance, point_spread)
    return CascadeSteps(
        x=edges.x,
        y=edges.y,
        time=edges.time,
        expected=per_depth[:, :-1] * np.diff(depth, axis=1),
        spread=spread[:, :-1],
    )


@dataclass(frozen=True)
class _Edges:
    """Points on cascade axes as the telescope sees them; arrays (n_cascades, n_points).

    Attributes
    ----------
    distance, axial : ndarray
        Distance from the telescope, and its component along the cascade's axis, m.
    x, y : ndarray
        Camera position, m.
    time : ndarray
        Arrival time of light, ns.
    """

    distance: np.ndarray
    axial: np.ndarray
    x: np.ndarray
    y: np.ndarray
    time: np.ndarray


def _project(cascades: Cascades, front: np.ndarray, height, slant) -> _Edges:
    """Points of the axes at heights (n_cascades, n_points) in m a.s.l., seen by the telescope."""
    length = (height - tel.OBSERVATION_LEVEL) * slant
    ground, towards = cascades.ground, cascades.towards
    a, b, c = (ground[:, i, None] + towards[:, i, None] * length for i in range(3))
    distance = np.sqrt(a**2 + b**2 + c**2)
    ahead = front[:, 0, None] * a + front[:, 1, None] * b + front[:, 2, None] * c
    air = atmosphere.refractive_path(tel.OBSERVATION_LEVEL, height) * slant
    return _Edges(
        distance=distance,
        axial=along(ground, towards)[:, np.newaxis] + length,
        x=tel.FOCAL_LENGTH * np.arcsin(a / distance),
        y=tel.FOCAL_LENGTH * np.arctan2(b, c),
        time=(distance - ahead + air) / LIGHT_SPEED,
    )


def _fast_electrons(t: np.ndarray, maximum: np.ndarray) -> np.ndarray:
    """Electrons above the Cherenkov threshold ``t`` radiation lengths into cascades.

    Greisen's formula for all electrons, ``maximum`` being the depth of the maximum; the older a
    cascade, the fewer of them are fast.
    """
    age = 3 * t / (t + 2 * maximum)
    electrons = 0.31 / np.sqrt(maximum) * np.exp(t * (1 - 1.5 * np.log(age)))
    return electrons * np.exp(AGEING * (1 - age))


def _light_on_mirror(distance: np.ndarray, axial: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Share of a step's light that falls on the mirror.

    Light fills the Cherenkov cone, most of it at the cone's edge, and a halo outside.
    """
    cone = atmosphere.cherenkov_angle(height)
    angle = np.arccos(np.clip(axial / distance, -1, 1))
    profile = np.exp(-np.maximum(angle - cone, 0) / HALO_ANGLE)
    profile *= 0.5 + 0.5 * np.minimum(angle / cone, 1) ** 2
    solid_angle = np.pi * cone**2 + 2 * np.pi * HALO_ANGLE * (cone + HALO_ANGLE)
    mirror = np.pi * tel.MIRROR_DIAMETER**2 / 4
    return mirror * profile / (solid_angle * distance**2)


def trace_cascades(
    steps: CascadeSteps, event: np.ndarray, rng: np.random.Generator
) -> PhotoElectrons:
    """Draw the photo-electrons of cascades, ``event`` (n_cascades,) being their primaries."""
    weight = np.maximum(steps.expected.sum(axis=1) / MAX_TRACES, 1.0)
    counts = rng.poisson(steps.expected / weight[:, np.newaxis])
    step = np.repeat(np.arange(counts.size), counts.ravel())
    n = len(step)

    # One gather of whole rows is much faster than one per quantity.
    columns = [steps.x[:, :-1], np.diff(steps.x, axis=1), steps.y[:, :-1], np.diff(steps.y, axis=1)]
    columns += [steps.time[:, :-1], np.diff(steps.time, axis=1), steps.spread]
    table = np.stack([column.ravel() for column in columns], axis=1).astype(np.float32)
    x, dx, y, dy, time, dt, spread = table[step].T

    part = rng.random(n, dtype=np.float32)
    # A normal whose variance is exponential has the long tails of lateral distributions.
    spread = spread * np.sqrt(rng.standard_exponential(n, dtype=np.float32))
    scatter = rng.standard_normal((3, n), dtype=np.float32)
    cascade = step // N_STEPS
    return PhotoElectrons(
        event=event[cascade],
        x=x + part * dx + spread * scatter[0],
        y=y + part * dy + spread * scatter[1],
        time=time + part * dt + np.float32(TIME_SPREAD) * scatter[2],
        weight=weight.astype(np.float32)[cascade],
    )


def muon_light(muons: Muons) -> np.ndarray:
    """Mean number of photo-electrons (n_muons,) on the whole mirror."""
    radius = tel.MIRROR_DIAMETER / 2
    # 1/distance averaged over the mirror: exact in the centre and far outside.
    distance = np.hypot(np.linalg.norm(_miss(muons), axis=1), radius / 2)
    fastest = atmosphere.cherenkov_angle(tel.OBSERVATION_LEVEL)
    light = MUON_PE_PER_METER * np.pi * radius**2 / distance * (_ring_radius(muons) / fastest) ** 2
    is_in_field = np.hypot(muons.towards[:, 0], muons.towards[:, 1]) < FIELD_RADIUS + fastest
    return np.where(is_in_field, light, 0.0)


def _ring_radius(muons: Muons) -> np.ndarray:
    """Cherenkov angle (n,) of muons near the ground, rad."""
    fastest = atmosphere.cherenkov_angle(tel.OBSERVATION_LEVEL)
    return np.sqrt(np.maximum(fastest**2 - (MUON_MASS / muons.energy) ** 2, 1e-6))


def _miss(muons: Muons) -> np.ndarray:
    """Vector (n, 3) from the telescope to the nearest point of each track, m."""
    return muons.ground - along(muons.ground, muons.towards)[:, np.newaxis] * muons.towards


def trace_muons(
    muons: Muons,
    front: np.ndarray,
    point_spread: float,
    rng: np.random.Generator,
) -> PhotoElectrons:
    """Draw the photo-electrons of muons: rings for those that hit the mirror, arcs beside it.

    Parameters
    ----------
    muons : Muons
    front : ndarray (n_muons, 3)
        Axis of the primary of each muon, which defines time zero.
    point_spread : float
        Of the optics, per axis, rad.
    rng : numpy.random.Generator
    """
    counts = rng.poisson(muon_light(muons))
    muon = np.repeat(np.arange(len(counts)), counts)
    n = len(muon)
    radius = tel.MIRROR_DIAMETER / 2
    spot = radius * np.sqrt(rng.random(n))
    phi = rng.uniform(0, 2 * np.pi, n)
    miss = _miss(muons)[muon]
    # All is within degrees of the line of sight: the mirror's plane is that of the first two axes.
    da, db = miss[:, 0] - spot * np.cos(phi), miss[:, 1] - spot * np.sin(phi)
    distance = np.hypot(da, db)
    weight = np.minimum(np.hypot(np.hypot(miss[:, 0], miss[:, 1]), radius / 2) / distance, 4.0)

    ring = _ring_radius(muons)[muon]
    towards = muons.towards[muon]
    blur = point_spread / np.deg2rad(USUAL.point_spread)
    scatter = rng.normal(0, MUON_RING_SPREAD * blur, (2, n))
    a = towards[:, 0] + ring * da / distance + scatter[0]
    b = towards[:, 1] + ring * db / distance + scatter[1]
    emission = miss + towards * (distance / ring)[:, np.newaxis]
    behind = along(emission, front[muon])
    time = (np.linalg.norm(emission, axis=1) - behind) / LIGHT_SPEED
    time += rng.normal(0, TIME_SPREAD / 2, n)
    return PhotoElectrons(
        event=muons.event[muon],
        x=(tel.FOCAL_LENGTH * np.arcsin(a)).astype(np.float32),
        y=(tel.FOCAL_LENGTH * np.arcsin(b)).astype(np.float32),
        time=time.astype(np.float32),
        weight=weight.astype(np.float32),
    )
