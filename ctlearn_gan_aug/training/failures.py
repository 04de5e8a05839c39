"""How the training of a GAN fails, and by which figures each failure shows itself.

docs/monitors.md lists them, with what healthy runs have.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .course import GRADIENTS, Course

#: Median certainty of a critic that tells its generator nothing. In healthy runs it is below 0.5.
CERTAIN = 0.95
#: Part of the looks in which the critic prefers generated images. Of a critic that has met its
#: equal it is a half, with 25 looks hardly ever above 0.8; in healthy runs it is below 0.25.
BLIND = 0.9
#: Factor by which a gradient norm falls or rises; in healthy runs it changes by less than five.
SHRUNK = GROWN = 100.0
#: Norm below which Adam's epsilon of 1e-8 for each of some 10^4 weights shortens the steps.
NO_GRADIENT = 1e-6
#: Range of the certainty, from certain of the right answer to as far on the other side. In healthy
#: runs it is below 0.6.
SWINGING = 2.0
#: Part of their differences that images of equal labels lack; healthy runs end below 0.2.
COLLAPSED = 0.75
#: Part of the simulated images without generated ones near them; simulation itself has 0.03.
UNCOVERED = 0.5
#: Rise of the coverage from one snapshot to the next with which a generator is still learning.
COVERING = 0.02
#: Relative rise of the snapshot score over its lowest; in healthy runs it wavers by less than 0.1.
RELAPSED = 0.3
#: Range of the snapshot scores of runs that differ by their seed alone, over the best. The score of
#: one run wavers by half as much.
SENSITIVE = 0.2


@dataclass(frozen=True)
class Failure:
    """A way in which training fails.

    Attributes
    ----------
    name : str
        Of the failure.
    measure : callable
        `Course` to the figure by which it shows itself; NaN if that cannot be told.
    limit : float
        The failure is there if the figure is as large.
    says : str
        What is wrong, with ``{value}`` for the figure.
    advice : str
        What to do.
    """

    name: str
    measure: Callable[[Course], float]
    limit: float
    says: str
    advice: str

    def value(self, course: Course) -> float | None:
        """The figure if the failure is there, else None."""
        value = float(self.measure(course))
        return value if value >= self.limit else None

    def sentence(self, value: float) -> str:
        """What is wrong and what to do."""
        return f"{self.name}: {self.says.format(value=value)}; {self.advice}."


def _certain(course: Course) -> float:
    if course.is_wasserstein:
        return math.nan  # its critic should be as certain as it can
    return np.median(course.certainty)


def _blind(course: Course) -> float:
    return np.mean(course.series("difference") <= 0.0)


def _shrunk(course: Course) -> float:
    return max(
        max(course.usual[name], SHRUNK * NO_GRADIENT) / max(np.median(course.series(name)), 1e-30)
        for name in GRADIENTS
    )


def _grown(course: Course) -> float:
    return max(
        np.median(course.series(name)) / max(course.usual[name], NO_GRADIENT) for name in GRADIENTS
    )


def _swinging(course: Course) -> float:
    low, high = np.quantile(course.certainty, (0.1, 0.9))
    return 2.0 * min(high, -low) if course.is_wasserstein else high - low


def _alike(course: Course) -> float:
    return 1.0 - course.last("snapshot_spread").max()


def _uncovered(course: Course) -> float:
    before, now = course.last("snapshot_coverage")
    return 1.0 - max(before, now) if now < before + COVERING else math.nan


def _worse(course: Course) -> float:
    lowest = min(snapshot["snapshot_score"] for snapshot in course.snapshots)
    return course.last("snapshot_score").min() / max(lowest, 1e-12) - 1.0


#: Read from the losses and gradients of the last looks.
OF_LOOKS = (
    Failure(
        "imbalance, critic too strong",
        _certain,
        CERTAIN,
        "the critic is certain of nearly every image (by {value:.0%}), so that the generator "
        "learns little from it",
        "lower training.critic_learning_rate or training.critic_steps, or raise loss.weight",
    ),
    Failure(
        "imbalance, critic too weak",
        _blind,
        BLIND,
        "in {value:.0%} of the looks the critic takes generated images for more real than "
        "simulated ones, so that the generator is led astray",
        "raise training.critic_learning_rate or training.critic_steps, or lower loss.weight",
    ),
    Failure(
        "vanishing gradients",
        _shrunk,
        SHRUNK,
        "the gradient of a network is {value:.3g} times smaller than it was or should be, so that "
        "it hardly learns",
        "use loss.adversarial: nonsaturating or wasserstein, or a weaker critic",
    ),
    Failure(
        "exploding gradients",
        _grown,
        GROWN,
        "the gradient of a network is {value:.3g} times larger than it was",
        "lower training.learning_rate, or set training.gradient_clip",
    ),
    Failure(
        "non-convergence, losses swing",
        _swinging,
        SWINGING,
        "the losses do not settle: the critic's certainty swings by {value:.3g}, and 1 leads from "
        "undecided to certain",
        "lower the learning rates, or raise loss.weight",
    ),
)

#: Read from the last two snapshots.
OF_SNAPSHOTS = (
    Failure(
        "mode collapse, latents ignored",
        _alike,
        COLLAPSED,
        "images of equal labels are too much alike: {value:.0%} of their differences are missing",
        "let critic.minibatch_std or warmup.final_weight ask for them, or try another seed",
    ),
    Failure(
        "mode collapse, kinds of images missing",
        _uncovered,
        UNCOVERED,
        "{value:.0%} of the simulated images have no generated one near them, and it does not "
        "get better",
        "set critic.minibatch_std, use a wider generator, or try another seed",
    ),
    Failure(
        "non-convergence, images get worse",
        _worse,
        RELAPSED,
        "the snapshot score is {value:.0%} above its lowest",
        "lower the learning rates, or let them fall (training.decay)",
    ),
)


def sensitivity(scores: list[float]) -> str | None:
    """What is wrong if runs of different seeds end too far apart, None if they do not.

    Parameters
    ----------
    scores : list of float
        Snapshot scores of runs that differ by their seed alone.
    """
    apart = max(scores) / max(min(scores), 1e-12) - 1.0
    if apart < SENSITIVE:
        return None
    return (
        f"sensitivity to initialisation: the worst snapshot score is {apart:.0%} above the best; "
        "take the best seed, and warm up longer (warmup.fraction) or lower the learning rates."
    )
