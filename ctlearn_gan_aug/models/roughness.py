"""How far lit pixels stand out from their neighbours: what a critic is shown beside the image.

All maps are (B, side, side), without channels: thin columns are slow to calculate with.
"""

import numpy as np
from keras import ops

#: Charge in network units below which a pixel may be night sky.
_NIGHT_SKY = 0.35
#: The same for one whose neighbours are bright, too; and a gain that brings what they share near 1.
_SHARED_SKY, _SHARED = 0.45, 3.0
#: Brings the jitter of times near the numbers of the other channels.
_JITTER_SCALE = 4.0


def light(charge):
    """Charge beyond the night sky's, of charges in network units."""
    return ops.relu(charge - _NIGHT_SKY)


def shower(charge) -> list:
    """Light that neighbouring cells share, as it is, and with all bright cells counting alike.

    Sums over a whole image have a thousand pixels of night sky in them. Its outliers are as bright
    as faint showers, and move and stretch these beyond recognition; but they stand alone. Where
    bright cells count alike, the cube leaves next to nothing of what is not beyond doubt.

    Parameters
    ----------
    charge : tensor (B, side, side)
        Network units.
    """
    bright = ops.relu(charge - _SHARED_SKY)
    shared = _SHARED * ops.tanh(_beside(bright))
    return [shared * bright, (shared * ops.tanh(bright)) ** 3]


def contrast(charge, bright):
    """How far pixels with light stand out from their neighbours, in proportion to that light.

    In the compressed units of the network a bright pixel that is half too bright differs less from
    its neighbours than one pixel of night sky from the next.

    Parameters
    ----------
    charge : tensor (B, side, side)
        Network units.
    bright : tensor (B, side, side)
        Its `light`.
    """
    return (charge - _around(charge)) * bright


def jitter(time, bright):
    """Differences of a pixel's time from those around it, weighted by the light of both.

    Times of pixels without light mean nothing, and would hide how exactly those of a shower agree.

    Parameters
    ----------
    time, bright : tensor (B, side, side)
        Times in network units, and the `light` of the charges.
    """
    difference = time * _around(bright) - _around(time * bright)
    return _JITTER_SCALE * (difference * bright)


def _around(x):
    """Mean over 3 x 3 cells, at the rim over those that exist: a product with a band per axis."""
    near = _near(x.shape[-1])
    mean = near / near.sum(axis=1, keepdims=True)
    return ops.matmul(ops.matmul(mean, x), mean.T)


def _beside(x):
    """Sum over 3 x 3 cells, without the one in their middle."""
    near = _near(x.shape[-1])
    return ops.matmul(ops.matmul(near, x), near) - x


def _near(side: int) -> np.ndarray:
    """Which cells of a row are next to each other, or the same."""
    return (np.tri(side, k=1) * np.tri(side, k=1).T).astype("float32")
