"""Networks that grow: the camera's grid halved again and again, and layers that fade in.

Progressive growing, Karras et al., arXiv 1710.10196. Level 0 is the camera's own grid, every level
has half the cells per side of the one before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
from keras import ops

from ..intensity import CHARGE_UNIT, arcsinh

#: Keeps cells without a pixel from dividing 0 by 0.
_NOTHING = 1e-30


class Blend(keras.layers.Layer):
    """From an old value to a new one: ``(1 - part) old + part new``; others set ``part``."""

    def build(self, input_shape):
        """Make the part, at first 0."""
        self.part = self.add_weight(shape=(), initializer="zeros", trainable=False, name="part")

    def call(self, inputs):
        """Old and new value of equal shape to one of that shape."""
        old, new = inputs
        return (1.0 - self.part) * old + self.part * new


def blends(model: keras.Model) -> list[Blend]:
    """Where the newest layers of a network fade in."""
    return [layer for layer in model.layers if isinstance(layer, Blend)]


@dataclass(frozen=True, eq=False)
class Growth:
    """How far a network has grown.

    Attributes
    ----------
    level : int
        Level of its images.
    fading : bool
        Whether the layers of this level still fade in, over those of the next coarser one.
    mask : ndarray (side, side) or None
        Cells of the camera's grid that hold a pixel; not needed for the plain network at level 0.
    gate : (float, float) or None
        Of times, see `IntensityTransform.gate`.
    """

    level: int = 0
    fading: bool = False
    mask: np.ndarray | None = None
    gate: tuple[float, float] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the network is the plain one of the camera's own grid."""
        return self.level == 0 and not self.fading

    @property
    def shown(self) -> tuple[int, ...]:
        """Levels that images come in or out at, the coarser first."""
        return (self.level + 1, self.level) if self.fading else (self.level,)

    def side(self, level: int | None = None) -> int:
        """Cells along each side of a level, by default that of the images."""
        return len(self._counts[self.level if level is None else level])

    @property
    def cells(self) -> np.ndarray:
        """Cells (side, side) of the images that hold a pixel: 1, elsewhere 0."""
        return (self._counts[self.level] > 0).astype(np.float32)

    def blended(self, old, new, name: str):
        """Old and new value as one, the only one there is if one is None."""
        if old is None or new is None:
            return new if old is None else old
        return Blend(name=name)([old, new])

    def of_levels(self, of_level: Callable, name: str):
        """What a function of a level gives: that of the finer one faded in over the coarser one."""
        x = None
        for level in self.shown:
            x = self.blended(x, of_level(level), name)
        return x

    def entered(self, images: dict, blocks: list, later_door: Callable, name: str):
        """Features of images after all blocks of a critic, each of which halves the resolution.

        Images of a coarser level enter later, past the blocks they need not.

        Parameters
        ----------
        images : dict of int to tensor
            Images, or what is seen of them, by level.
        blocks : list of callable
            The first maps an image of level 0 to features, the others features to features.
        later_door : callable
            Maps an image and its level, above 0, to features as the block of that number makes.
        name : str
            Of what blends them.
        """
        x = images.get(0)
        for place, block in enumerate(blocks, 1):
            if place > self.level:
                x = block(x)
            if place in self.shown:
                x = self.blended(later_door(images[place], place), x, name)
        return x

    def mean(self, x, level: int):
        """Camera's grid (B, side, side, c) to a level: means over the cells that hold a pixel."""
        for finer in range(level):
            x = _block_sum(x * self._share(finer))
        return x

    def reduced(self, image):
        """Images of the camera's grid at the level of this network; see `coarser`."""
        for level in range(self.level):
            image = self.coarser(image, level)
        return image

    def pedestals(self, channels: list, level: int) -> list:
        """Pedestals of the camera's grid, (B, side, side, 1) per channel, at a level."""
        image = ops.concatenate(channels, axis=-1)
        for finer in range(level):
            image = self.coarser(image, finer, is_gated=False)
        return [image[..., i : i + 1] for i in range(len(channels))]

    def coarser(self, image, level: int, is_gated: bool = True):
        """Images of a level at the next coarser one.

        Charges are means in p.e. over the cells that hold a pixel. Times are means of the times in
        network units weighted by the light, as far as the gate is open for it: a cell without light
        has no say in when the light came.

        Parameters
        ----------
        image : tensor (B, side, side, c)
            Network units.
        level : int
            Of the images.
        is_gated : bool
            Whether times are, as in images, or are not, as in pedestals.
        """
        share = self._share(level)
        asinh = CHARGE_UNIT * image[..., :1]
        charge = arcsinh(_block_sum(ops.sinh(asinh) * share)) / CHARGE_UNIT
        if image.shape[-1] == 1:
            return charge
        light = ops.exp(asinh) * share  # twice the charge, but positive
        seen = light * self._gate(image[..., :1])
        time = _block_sum((light if is_gated else seen) * image[..., 1:])
        time = time / (_block_sum(seen) + _NOTHING)
        return ops.concatenate([charge, self._gate(charge) * time if is_gated else time], axis=-1)

    def enlarged(self, image, to: int = 0):
        """Images of this network's level at a finer one, cells repeated."""
        for level in range(self.level - 1, to - 1, -1):
            image = self._doubled(image, level)
        return image

    def faded(self, image, part):
        """Images of this level as far as they have faded in over those of the coarser one.

        Simulated images do while generated ones do, as in the paper.
        """
        coarser = self._doubled(self.coarser(image, self.level), self.level)
        return ((1.0 - part) * coarser + part * image) * self.cells[..., None]

    def _doubled(self, image, level: int):
        """Cells repeated, up to the side of a level."""
        side = self.side(level)
        return ops.repeat(ops.repeat(image, 2, axis=1), 2, axis=2)[:, :side, :side]

    def _gate(self, charge):
        slope, offset = self.gate
        return ops.sigmoid(slope * charge + offset)

    def _share(self, level: int) -> np.ndarray:
        """Part (side, side, 1) of every cell in the mean of its block."""
        counts, blocks = self._counts[level], self._counts[level + 1]
        total = np.repeat(np.repeat(blocks, 2, 0), 2, 1)[: len(counts), : len(counts)]
        return (counts / np.maximum(total, 1.0)).astype(np.float32)[..., None]

    @cached_property
    def _counts(self) -> list[np.ndarray]:
        """Pixels (side, side) in every cell, of each level down to one cell."""
        counts = [np.asarray(self.mask, np.float64)]
        while len(counts[-1]) > 1:
            missing = len(counts[-1]) % 2
            padded = np.pad(counts[-1], (0, missing))
            half = len(padded) // 2
            counts.append(padded.reshape(half, 2, half, 2).sum(axis=(1, 3)))
        return counts


def _block_sum(x):
    """Sums over blocks of 2 x 2 cells; an odd side gets a row and a column of zeros at the end."""
    missing = x.shape[1] % 2
    x = ops.pad(x, ((0, 0), (0, missing), (0, missing), (0, 0)))
    return 4.0 * ops.average_pool(x, 2, strides=2)


#: The plain network of the camera's own grid.
PLAIN = Growth()
