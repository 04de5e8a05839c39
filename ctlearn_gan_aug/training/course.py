"""The course of a training: what its last steps and its snapshots have shown."""

import math
from dataclasses import dataclass, field

import numpy as np

from ..config.train import LossConfig

#: Looks that are judged together: enough that no single batch decides.
WINDOW = 25
#: Gradient norms among what an update returns.
GRADIENTS = ("critic_gradient", "generator_gradient")
#: What is kept of an update's values, and of a snapshot's.
_LOOKED_AT = ("critic", "difference", *GRADIENTS)
_MEASURED = ("snapshot_score", "snapshot_spread", "snapshot_coverage")
#: Critic's loss if it scores all images alike.
_UNDECIDED = {
    "nonsaturating": 2.0 * math.log(2.0),
    "minimax": 2.0 * math.log(2.0),
    "hinge": 2.0,
    "least_squares": 0.25,
}


@dataclass
class Course:
    """What is known of a run since its critic started.

    Attributes
    ----------
    loss : LossConfig
        What the losses mean.
    looks : list of dict of str to float
        The last `WINDOW` values of the losses and gradient norms.
    usual : dict of str to float
        Medians of their absolute values over the first `WINDOW` looks, and of the difference of
        scores the largest over any; empty before.
    snapshots : list of dict of str to float
        What was measured on held-out events.
    """

    loss: LossConfig
    looks: list[dict[str, float]] = field(default_factory=list)
    usual: dict[str, float] = field(default_factory=dict)
    snapshots: list[dict[str, float]] = field(default_factory=list)

    def look(self, values: dict) -> None:
        """Take note of the values of one step, scalar tensors or numbers by name."""
        look = {name: float(values[name]) for name in _LOOKED_AT}
        self.looks = [*self.looks[1 - WINDOW :], look]
        if self.is_long:
            now = {name: float(np.median(np.abs(self.series(name)))) for name in look}
            self.usual = self.usual or now
            self.usual["difference"] = max(self.usual["difference"], now["difference"])

    def measured(self, found: dict[str, float]) -> None:
        """Take note of a snapshot."""
        self.snapshots.append({name: found[name] for name in _MEASURED})

    @property
    def is_long(self) -> bool:
        """Whether there are looks enough to judge by."""
        return len(self.looks) == WINDOW

    @property
    def is_wasserstein(self) -> bool:
        """Whether scores have no scale."""
        return self.loss.adversarial == "wasserstein"

    def series(self, name: str) -> np.ndarray:
        """The last values of a name, an array (WINDOW,)."""
        return np.array([look[name] for look in self.looks])

    def last(self, name: str) -> np.ndarray:
        """The last two values that were measured on held-out events, an array (2,)."""
        return np.array([snapshot[name] for snapshot in self.snapshots[-2:]])

    @property
    def certainty(self) -> np.ndarray:
        """How certain the critic was, an array (WINDOW,).

        0 if it scores all images alike, 1 if its loss is the least there is, negative if it takes
        one kind for the other. Wasserstein scores have no such scale; there it is the difference of
        scores, as a multiple of what is usual in this run.
        """
        if self.is_wasserstein:
            return self.series("difference") / max(self.usual["difference"], 1e-12)
        undecided, least = _UNDECIDED[self.loss.adversarial], _entropy(self.loss.label_smoothing)
        return (undecided - self.series("critic")) / (undecided - least)

    @property
    def state(self) -> dict:
        """What a resumed run has to know."""
        return {"looks": self.looks, "usual": self.usual, "snapshots": self.snapshots}

    def restore(self, state: dict) -> None:
        """Go on from an earlier `state`."""
        self.looks, self.usual = list(state["looks"]), dict(state["usual"])
        self.snapshots = list(state["snapshots"])


def _entropy(smoothing: float) -> float:
    """Least cross-entropy of a target of 1 - smoothing."""
    return -sum(p * math.log(p) for p in (smoothing, 1.0 - smoothing) if p)
