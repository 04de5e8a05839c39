"""Which cells have few training events: holes, and the thin ends of a distribution."""

from dataclasses import dataclass

import numpy as np

from .cells import MIN_TEST

#: A cell has few events if it has less than this part of what it should have.
FEW = 0.5
#: Every cell that is no hole should have at least this part of the median cell's events.
FLOOR = 0.5
#: Chance that a cell with just enough events looks like a hole.
_CHANCE = 0.01


@dataclass(frozen=True)
class Filling:
    """Training events beside those that a cell should have, all (n_energies, n_offsets).

    Attributes
    ----------
    training, test : ndarray of int
        Numbers of events.
    expected : ndarray
        Training events that the test events let expect.
    target : ndarray
        What a cell should have: that and, if it is no hole, at least `FLOOR` of the median cell.
    hole : ndarray of bool
        Cells with significantly less than `FEW` of the expected events.
    thin : ndarray of bool
        Other cells where less than `FEW` of the target are to be expected.
    """

    training: np.ndarray
    test: np.ndarray
    expected: np.ndarray
    target: np.ndarray
    hole: np.ndarray
    thin: np.ndarray

    @classmethod
    def of(cls, training: np.ndarray, test: np.ndarray) -> "Filling":
        """Compare the distribution of training events with that of test events.

        Both come of one simulation, so that their ratio is the same everywhere but in a hole: the
        median ratio (weighted with test events) is not drawn by holes in less than half of them.
        """
        from scipy.stats import binom

        ratio = _usual_ratio(training, test)
        expected = ratio * test
        tested = test >= MIN_TEST
        floor = FLOOR * np.median(training[tested]) if tested.any() else 0.0
        # Of events of both kinds, so many would be training events in a cell that has just enough.
        part = FEW * ratio / (1.0 + FEW * ratio)
        hole = binom.cdf(training, training + test, part) < _CHANCE
        target = np.where(hole, expected, np.maximum(expected, floor))
        # Outside of holes both kinds of events tell how many are to be expected.
        both = (training + test) * ratio / (1.0 + ratio)
        thin = ~hole & (both < FEW * floor)
        return cls(training, test, expected, target, hole, thin)

    @property
    def few(self) -> np.ndarray:
        """Cells of few events, for either reason."""
        return self.hole | self.thin

    @property
    def tested(self) -> np.ndarray:
        """Cells with enough test events to know their error."""
        return self.test >= MIN_TEST

    @property
    def missing(self) -> np.ndarray:
        """Training events short of the target."""
        return np.maximum(self.target - self.training, 0.0)


def _usual_ratio(training: np.ndarray, test: np.ndarray) -> float:
    """Weighted median of training events per test event."""
    inside = test.ravel() > 0
    ratio, weight = training.ravel()[inside] / test.ravel()[inside], test.ravel()[inside]
    order = np.argsort(ratio)
    total = np.cumsum(weight[order])
    return float(ratio[order][np.searchsorted(total, total[-1] / 2)]) if inside.any() else 0.0
