"""Which showers are thrown: energy, direction and core of the primary particles."""

from dataclasses import dataclass

import numpy as np

from . import telescope as tel

PRIMARY_IDS = {"gamma": 0, "proton": 101}

ENERGY_RANGE = (0.05, 50.0)  # TeV
SPECTRAL_INDEX = -2.0
VIEWCONE = 2.0  # deg
MAX_IMPACT = 300.0  # m, perpendicular to the shower axis


@dataclass(frozen=True)
class Primaries:
    """Thrown primary particles.

    Vectors are in the frame of the telescope, which is the origin: first axis towards larger
    altitude, second towards larger azimuth, third along the line of sight; m.

    Attributes
    ----------
    energy : ndarray (n,)
        TeV.
    towards : ndarray (n, 3)
        Unit vector to where the particle comes from.
    core : ndarray (n, 3)
        Where the shower axis meets the ground, m.
    """

    energy: np.ndarray
    towards: np.ndarray
    core: np.ndarray

    def __len__(self) -> int:
        return len(self.energy)


def ground_axes() -> np.ndarray:
    """Axes of the telescope frame as rows, in ctapipe's ground frame: x north, y west, z up."""
    alt, az = np.deg2rad([tel.POINTING_ALT, tel.POINTING_AZ])
    return np.array(
        [
            [-np.sin(alt) * np.cos(az), np.sin(alt) * np.sin(az), np.cos(alt)],
            [-np.sin(az), -np.cos(az), 0.0],
            [np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)],
        ]
    )


def upward() -> np.ndarray:
    """The zenith in the telescope frame."""
    return ground_axes()[:, 2]


def throw(n: int, rng: np.random.Generator) -> Primaries:
    """Throw ``n`` primaries: power law in energy, uniform in the view cone and in impact."""
    low, high = (edge ** (SPECTRAL_INDEX + 1) for edge in ENERGY_RANGE)
    energy = (low + rng.random(n) * (high - low)) ** (1 / (SPECTRAL_INDEX + 1))
    towards = _within_cone(n, np.deg2rad(VIEWCONE), rng)
    impact = _impact_vectors(towards, rng)
    up = upward()
    core = impact - towards * (along(impact, up) / along(towards, up))[:, np.newaxis]
    return Primaries(energy, towards, core)


def _within_cone(n: int, opening: float, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors (n, 3) uniform in solid angle around the line of sight."""
    cosine = 1 - rng.random(n) * (1 - np.cos(opening))
    sine = np.sqrt(1 - cosine**2)
    phi = rng.uniform(0, 2 * np.pi, n)
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)


def _impact_vectors(towards: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vectors (n, 3) from the telescope to the shower axis, perpendicular to it, m."""
    n = len(towards)
    first, second = perpendicular(towards)
    radius = MAX_IMPACT * np.sqrt(rng.random(n))[:, np.newaxis]
    phi = rng.uniform(0, 2 * np.pi, n)[:, np.newaxis]
    return radius * (np.cos(phi) * first + np.sin(phi) * second)


def perpendicular(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (n, 3) that make a right-handed system with ``axis`` (n, 3)."""
    # All axes are within degrees of the line of sight, so the first frame axis is never parallel.
    first = np.array([1.0, 0.0, 0.0]) - axis * axis[:, :1]
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return first, np.cross(axis, first)


def along(vectors: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Components (n,) of vectors (n, 3) along one axis (3,) or along one each (n, 3)."""
    # Written out, for the last bits of a matrix product depend on where the arrays lie in memory.
    return sum(vectors[:, i] * axis[..., i] for i in range(3))


def altaz(towards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Altitude and azimuth in deg, azimuth in [0, 360), of unit vectors in the telescope frame."""
    north, west, up = _on_ground_axes(towards)
    return np.rad2deg(np.arcsin(up)), np.rad2deg(np.arctan2(-west, north)) % 360.0


def ground_position(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ground coordinates x (north) and y (west) in m of vectors (n, 3) in the telescope frame."""
    north, west, _ = _on_ground_axes(vectors)
    return north, west


def _on_ground_axes(vectors: np.ndarray) -> list[np.ndarray]:
    return [along(vectors, axis) for axis in ground_axes().T]
