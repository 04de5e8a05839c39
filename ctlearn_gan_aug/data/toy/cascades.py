"""How a primary develops: electromagnetic cascades for both particles, muons for protons."""

from dataclasses import dataclass

import numpy as np

from . import atmosphere
from . import telescope as tel
from .showers import Primaries, along, perpendicular, upward

PAIR_LENGTH = 9 / 7 * atmosphere.RADIATION_LENGTH  # g/cm2
INTERACTION_LENGTH = 85.0  # g/cm2, protons and pions in air
LENGTH_SPREAD = 0.07  # relative spread of a cascade's depth scale, on top of its start
LIGHT_SPREAD = 0.12  # spread in ln of a cascade's light

CASCADES_AT_100_GEV = 1.0  # mean number beyond the first two
CASCADES_PER_DECADE = 2.0
CASCADE_SHARE_SHAPE = 0.4  # Dirichlet parameter: below 1, few cascades carry most energy
TRANSVERSE_MOMENTUM = 0.45e-3  # TeV, Rayleigh parameter, all generations together
MAX_DEFLECTION = 0.06  # rad; beyond it a cascade's light leaves the camera anyway
HADRONIC_WIDTH = 1.15  # cascades of a hadronic shower are broader

MUONS_AT_1_TEV = 5.0
MUON_ENERGY_INDEX = 0.85
MUON_SPREAD = 150.0  # m, of the impact around the core, per axis
MIN_MUON_ENERGY = 6e-3  # TeV
MUON_SPECTRUM = 1.7  # integral index


@dataclass(frozen=True)
class Cascades:
    """Electromagnetic cascades, several to an event.

    Attributes
    ----------
    event : ndarray int (n,)
        Index of the primary.
    energy : ndarray (n,)
        TeV.
    start : ndarray (n,)
        Slant depth of the first pair, g/cm2.
    scale : ndarray (n,)
        Depth per radiation length relative to the mean cascade.
    light : ndarray (n,)
        Light relative to the mean cascade of this energy.
    width : ndarray (n,)
        Lateral width relative to a gamma's.
    towards : ndarray (n, 3)
        Unit vector up along the axis, telescope frame.
    ground : ndarray (n, 3)
        Where the axis meets the ground, telescope frame, m.
    """

    event: np.ndarray
    energy: np.ndarray
    start: np.ndarray
    scale: np.ndarray
    light: np.ndarray
    width: np.ndarray
    towards: np.ndarray
    ground: np.ndarray

    def lengths_to_maximum(self) -> np.ndarray:
        """Radiation lengths (n,) from the first pair to the maximum."""
        # The faintest cascades are kept above the critical energy, where they still develop.
        return np.log(np.maximum(self.energy / atmosphere.CRITICAL_ENERGY, 3.0))

    def radiation_length(self) -> np.ndarray:
        """Depth (n,) per radiation length, g/cm2."""
        return atmosphere.RADIATION_LENGTH * self.scale

    def depth_of_maximum(self) -> np.ndarray:
        """Slant depth (n,) of the cascades' maxima, g/cm2."""
        return self.start + self.lengths_to_maximum() * self.radiation_length()


@dataclass(frozen=True)
class Muons:
    """Muons that reach the ground, several to an event.

    Attributes
    ----------
    event : ndarray int (n,)
        Index of the primary.
    energy : ndarray (n,)
        TeV.
    towards : ndarray (n, 3)
        Unit vector up along the track, telescope frame.
    ground : ndarray (n, 3)
        Where the track meets the ground, telescope frame, m.
    """

    event: np.ndarray
    energy: np.ndarray
    towards: np.ndarray
    ground: np.ndarray

    def select(self, index) -> "Muons":
        """Muons at ``index``."""
        return Muons(self.event[index], self.energy[index], self.towards[index], self.ground[index])


@dataclass(frozen=True)
class Development:
    """All that shines in a set of showers, and its truth.

    Attributes
    ----------
    cascades : Cascades
    muons : Muons
    first_interaction : ndarray (n_primaries,)
        Slant depth, g/cm2.
    """

    cascades: Cascades
    muons: Muons
    first_interaction: np.ndarray

    def depth_of_maximum(self) -> np.ndarray:
        """Slant depth of each shower's maximum, g/cm2: the energy-weighted mean of its cascades."""
        n = len(self.first_interaction)
        event, energy = self.cascades.event, self.cascades.energy
        weighted = np.bincount(event, energy * self.cascades.depth_of_maximum(), n)
        return weighted / np.bincount(event, energy, n)


def develop(particle: str, primaries: Primaries, rng: np.random.Generator) -> Development:
    """Develop ``particle`` showers (``"gamma"`` or ``"proton"``)."""
    if particle == "gamma":
        return _develop_gammas(primaries, rng)
    return _develop_protons(primaries, rng)


def slant_factor(towards: np.ndarray) -> np.ndarray:
    """Slant depth per vertical depth along directions (n, 3)."""
    return 1 / along(towards, upward())


def point_at_height(ground: np.ndarray, towards: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Point (n, 3) of an axis at a height in m a.s.l."""
    length = (height - tel.OBSERVATION_LEVEL) * slant_factor(towards)
    return ground + towards * length[:, np.newaxis]


def _develop_gammas(primaries: Primaries, rng: np.random.Generator) -> Development:
    n = len(primaries)
    start = rng.exponential(PAIR_LENGTH, n)
    cascades = Cascades(
        event=np.arange(n),
        energy=primaries.energy,
        start=start,
        scale=_scale(n, rng),
        light=_light(n, rng),
        width=np.ones(n),
        towards=primaries.towards,
        ground=primaries.core,
    )
    empty = np.zeros(0)
    no_muons = Muons(np.zeros(0, int), empty, np.zeros((0, 3)), np.zeros((0, 3)))
    return Development(cascades, no_muons, start)


def _scale(n: int, rng: np.random.Generator) -> np.ndarray:
    return 1 + LENGTH_SPREAD * np.clip(rng.standard_normal(n), -3, 3)


def _light(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.exp(LIGHT_SPREAD * rng.standard_normal(n))


def _develop_protons(primaries: Primaries, rng: np.random.Generator) -> Development:
    first = rng.exponential(INTERACTION_LENGTH, len(primaries))
    cascades = _hadronic_cascades(primaries, first, rng)
    muons = _hadronic_muons(primaries, first, rng)
    return Development(cascades, muons, first)


def _hadronic_cascades(
    primaries: Primaries, first: np.ndarray, rng: np.random.Generator
) -> Cascades:
    """Cascades of neutral pions: part of the energy, unevenly shared, thrown out sideways."""
    decades = np.log10(primaries.energy / 0.1)
    n_cascades = 2 + rng.poisson(np.maximum(CASCADES_AT_100_GEV + CASCADES_PER_DECADE * decades, 0))
    event = np.repeat(np.arange(len(primaries)), n_cascades)
    n = len(event)

    fraction = np.clip(rng.normal(0.36 + 0.08 * (decades - 1), 0.14), 0.05, 0.9)
    share = rng.standard_gamma(CASCADE_SHARE_SHAPE, n) + 1e-9
    share /= np.bincount(event, share)[event]
    energy = primaries.energy[event] * fraction[event] * share

    # Half of the pions come from the first interaction, half from a later one.
    later = rng.exponential(INTERACTION_LENGTH, n) * (rng.random(n) < 0.5)
    origin_depth = first[event] + later
    axis, core = primaries.towards[event], primaries.core[event]
    origin_height = atmosphere.height(origin_depth / slant_factor(axis))
    origin = point_at_height(core, axis, origin_height)

    angle = np.minimum(TRANSVERSE_MOMENTUM * rng.rayleigh(1.0, n) / energy, MAX_DEFLECTION)
    towards = _deflect(axis, angle, rng)
    above = (origin_height - tel.OBSERVATION_LEVEL) * slant_factor(towards)
    return Cascades(
        event=event,
        energy=energy,
        start=origin_depth + rng.exponential(PAIR_LENGTH, n),
        scale=_scale(n, rng),
        light=_light(n, rng),
        width=np.full(n, HADRONIC_WIDTH),
        towards=towards,
        ground=origin - towards * above[:, np.newaxis],
    )


def _deflect(axis: np.ndarray, angle: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors (n, 3) at small angles (rad) from axes, in random directions."""
    first, second = perpendicular(axis)
    phi = rng.uniform(0, 2 * np.pi, len(axis))
    step = np.cos(phi)[:, np.newaxis] * first + np.sin(phi)[:, np.newaxis] * second
    turned = axis + np.tan(angle)[:, np.newaxis] * step
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


def _hadronic_muons(primaries: Primaries, first: np.ndarray, rng: np.random.Generator) -> Muons:
    """Muons of charged pions: they leave the axis high up and hit the ground around the core."""
    n_muons = rng.poisson(MUONS_AT_1_TEV * primaries.energy**MUON_ENERGY_INDEX)
    event = np.repeat(np.arange(len(primaries)), n_muons)
    n = len(event)
    axis, core = primaries.towards[event], primaries.core[event]
    origin_depth = first[event] + rng.exponential(INTERACTION_LENGTH, n)
    origin_height = np.maximum(
        atmosphere.height(origin_depth / slant_factor(axis)), tel.OBSERVATION_LEVEL + 1000.0
    )
    origin = point_at_height(core, axis, origin_height)
    side = rng.normal(0, MUON_SPREAD, (2, n, 1))
    first_axis, second_axis = perpendicular(axis)
    passing = core + side[0] * first_axis + side[1] * second_axis
    towards = origin - passing
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    energy = MIN_MUON_ENERGY * rng.random(n) ** (-1 / MUON_SPECTRUM)
    return Muons(event, energy, towards, passing)
