"""Labels of one region's images, chunk by chunk."""

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from astropy.table import Table

from ..bundle import Bundle
from ..sampling.fill import Cells

log = logging.getLogger(__name__)

#: Images generated at once: large enough for fast convolutions, small enough to waste few.
CHUNK_SIZE = 256
#: Label rows drawn at once, a multiple of CHUNK_SIZE; drawing has a fixed cost of coordinate
#: transforms.
POOL_SIZE = 16 * CHUNK_SIZE
#: A cell, or a region, is given up below this share of accepted images, judged after this many.
MIN_ACCEPTANCE = 0.01
_CELL_JUDGED_AFTER = 2 * CHUNK_SIZE

#: (number of rows, random generator) to an event label table.
DrawLabels = Callable[[int, np.random.Generator], Table]


class LabelChunks(Protocol):
    """Gives the labels of images without end."""

    def chunks(self, rng: np.random.Generator) -> Generator[Table, np.ndarray, None]:
        """Yield tables of CHUNK_SIZE rows; it is sent which of them (CHUNK_SIZE,) passed cuts."""

    def identity(self) -> object:
        """What the labels depend on beside their region, as plain values."""


@dataclass(frozen=True)
class DrawnLabels:
    """Labels drawn from a spectrum, whatever becomes of their images.

    Attributes
    ----------
    draw : callable
        See `DrawLabels`.
    """

    draw: DrawLabels

    def chunks(self, rng: np.random.Generator) -> Generator[Table, np.ndarray, None]:
        """See `LabelChunks`."""
        while True:
            pool = self.draw(POOL_SIZE, rng)
            for start in range(0, POOL_SIZE, CHUNK_SIZE):
                yield pool[start : start + CHUNK_SIZE]

    def identity(self) -> object:
        """See `LabelChunks`."""
        return None


@dataclass(frozen=True)
class FilledLabels:
    """Labels whose *accepted* images have a wanted distribution over cells.

    Attributes
    ----------
    bundle : Bundle
        Whose training labels are resampled.
    cells : Cells
        Of the region.
    missing : ndarray
        Events that each cell lacks.
    """

    bundle: Bundle
    cells: Cells
    missing: np.ndarray

    def chunks(self, rng: np.random.Generator) -> Generator[Table, np.ndarray, None]:
        """See `LabelChunks`; what a cut refuses is drawn again in the same cell."""
        chance = (self.missing / self.missing.sum()).ravel()
        tried, passed = np.zeros((2, chance.size), int)
        again = np.zeros(0, int)
        while True:
            fresh = rng.choice(chance.size, CHUNK_SIZE - len(again), p=chance)
            cells = rng.permutation(np.concatenate([again, fresh]))
            good = yield self.cells.labels(self.bundle, cells, rng)
            tried += np.bincount(cells, minlength=chance.size)
            passed += np.bincount(cells[good], minlength=chance.size)
            hopeless = (tried >= _CELL_JUDGED_AFTER) & (passed < MIN_ACCEPTANCE * tried)
            chance = self._without(hopeless, chance)
            again = cells[~good]
            again = again[chance[again] > 0]

    def identity(self) -> object:
        """See `LabelChunks`."""
        return np.round(self.missing, 3).tolist()

    def _without(self, hopeless: np.ndarray, chance: np.ndarray) -> np.ndarray:
        """Chances once cells are given up; if these are all, the region is, by its stream."""
        left = np.where(hopeless, 0.0, chance)
        if not left.any() or (left == chance).all():
            return chance
        self._report(hopeless & (chance > 0))
        return left / left.sum()

    def _report(self, cells: np.ndarray) -> None:
        rows = np.unique(np.flatnonzero(cells) // self.cells.shape[1])
        energies = 10.0 ** self.cells.log_energy[[rows[0], rows[-1] + 1]]
        log.warning(
            "gan_augment: between %.3g and %.3g TeV hardly any generated image passes the quality "
            "cut; cells there are not filled.",
            *energies,
        )
