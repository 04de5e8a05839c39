"""How far a run is, and the learning rates that follow from it."""

import math
import time
from dataclasses import dataclass, field

from ..config.train import TrainingConfig, WarmupConfig

#: Lowest factor of a learning rate.
_LEAST = 1e-3


@dataclass
class Schedule:
    """Progress of a run by steps, epochs or wall time.

    Attributes
    ----------
    config : TrainingConfig
        Length, rise and decay.
    n_events : int
        Training events, for epochs.
    setup : float
        Seconds before the first step (reading, auxiliary); they count for a time budget.
    elapsed_before : float
        Seconds of training in earlier, interrupted parts of the run.
    rollbacks : int
        Returns to an earlier state after a divergence; each halves the learning rates.
    started : float
        `time.monotonic` at the first step of this part.
    """

    config: TrainingConfig
    n_events: int
    setup: float = 0.0
    elapsed_before: float = 0.0
    rollbacks: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, all parts."""
        return self.elapsed_before + time.monotonic() - self.started

    @property
    def seconds(self) -> float:
        """Seconds of training that a time budget leaves; at least half of it."""
        return max(self.config.budget - self.setup, self.config.budget / 2)

    @property
    def total_steps(self) -> int | None:
        """Number of steps, None for a time budget."""
        if self.config.steps is not None:
            return self.config.steps
        if self.config.epochs is not None:
            per_step = self.config.batch_size * self.config.critic_steps
            return max(1, self.config.epochs * self.n_events // per_step)
        return None

    def fraction(self, step: int) -> float:
        """Part of the run that is done after ``step`` steps, in [0, 1]."""
        if self.total_steps is not None:
            return min(1.0, step / self.total_steps)
        return min(1.0, self.elapsed / self.seconds)

    def learning_rates(self, step: int, warmup: WarmupConfig) -> tuple[float, float]:
        """Rates of generator and critic: rising after the warm-up, constant, falling at the end."""
        config, done = self.config, self.fraction(step)
        factor = falling(1.0 - done, config.decay, config.decay_shape)
        if not self.is_warmup(step, warmup):
            factor *= rising((done - warmup.fraction) / (1.0 - warmup.fraction), config.rise)
        factor = max(factor, _LEAST) * self.rate_factor
        generator = self.config.learning_rate
        critic = self.config.critic_learning_rate or generator
        if self.is_warmup(step, warmup):
            generator = warmup.learning_rate
        return generator * factor, critic * factor

    def resume(self, elapsed: float, rollbacks: int) -> None:
        """Go on from an earlier state of the run, reached after ``elapsed`` seconds."""
        self.elapsed_before, self.rollbacks = elapsed, rollbacks
        self.started = time.monotonic()

    @property
    def rate_factor(self) -> float:
        """What learning rates are lowered to after divergences."""
        return 0.5**self.rollbacks

    def is_warmup(self, step: int, warmup: WarmupConfig) -> bool:
        """Whether the critic has not started yet."""
        return self.fraction(step) < warmup.fraction

    def pair_weight(self, step: int, warmup: WarmupConfig) -> float:
        """Weight of the pair loss: full in the warm-up, then falling to its final value."""
        if warmup.fraction == 0:
            return warmup.final_weight
        after = min(1.0, max(0.0, self.fraction(step) / warmup.fraction - 1.0))
        return warmup.weight + after * (warmup.final_weight - warmup.weight)

    def remaining(self, step: int, rate: float) -> float:
        """Estimated seconds left at ``rate`` steps per second."""
        if self.total_steps is None:
            return max(0.0, self.seconds - self.elapsed)
        return (self.total_steps - step) / max(rate, 1e-9)


def rising(done: float, rise: float) -> float:
    """Factor of learning rates after the part ``done``: from 0 to 1 over the first ``rise``.

    While Adam knows the scale of no gradient yet, its steps are too long (Goyal et al., arXiv
    1706.02677; Ma & Yarats, arXiv 1910.04209).
    """
    return 1.0 if done >= rise else done / rise


def falling(left: float, decay: float, shape: str) -> float:
    """Factor of learning rates with the part ``left`` to go: from 1 to 0 over the last ``decay``.

    ``linear``, or ``cosine``: half a period (Loshchilov & Hutter, arXiv 1608.03983).
    """
    if left >= decay:
        return 1.0
    if shape == "cosine":
        return 0.5 * (1.0 - math.cos(math.pi * left / decay))
    return left / decay
