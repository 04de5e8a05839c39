"""An isothermal atmosphere: depth, density and refractivity over height."""

import numpy as np

SCALE_HEIGHT = 7700.0  # m
DEPTH_AT_SEA_LEVEL = 1036.0  # g/cm2, vertical
REFRACTIVITY_AT_SEA_LEVEL = 2.9e-4  # n - 1
RADIATION_LENGTH = 36.7  # g/cm2
CRITICAL_ENERGY = 81e-6  # TeV
MOLIERE_DEPTH = 9.6  # g/cm2


def depth(height):
    """Vertical depth in g/cm2 at a height in m a.s.l."""
    return DEPTH_AT_SEA_LEVEL * np.exp(-height / SCALE_HEIGHT)


def height(vertical_depth):
    """Height in m a.s.l. at a vertical depth in g/cm2."""
    return -SCALE_HEIGHT * np.log(vertical_depth / DEPTH_AT_SEA_LEVEL)


def refractivity(height):
    """Refractive index of the air minus 1 at a height in m a.s.l."""
    return REFRACTIVITY_AT_SEA_LEVEL * np.exp(-height / SCALE_HEIGHT)


def cherenkov_angle(height):
    """Cherenkov angle in rad of a particle near the speed of light at a height in m a.s.l."""
    return np.sqrt(2 * refractivity(height))


def refractive_path(low, high):
    """Extra optical path in m of light descending vertically from ``high`` to ``low`` (m)."""
    return SCALE_HEIGHT * (refractivity(low) - refractivity(high))


def moliere_radius(height):
    """Moliere radius in m at a height in m a.s.l."""
    # depth / scale height is the density of an isothermal atmosphere, in g/cm2 per m.
    return MOLIERE_DEPTH * SCALE_HEIGHT / depth(height)
