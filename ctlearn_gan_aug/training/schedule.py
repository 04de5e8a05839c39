"""How far a run is, and the learning rates that follow from it."""

import math
import time
from dataclasses import dataclass, field

from ..config.train import TrainingConfig, WarmupConfig

#: Lowest factor of a learning rate.
_LEAST = 1e-3
#: Seconds between marks of the speed, over which it is measured, and that it takes at least.
_MARK, _WINDOW, _MEASURED = 1.0, 60.0, 10.0


class Pace:
    """Seconds that a step takes, measured over the last minute.

    The first steps are left out: they are compiled.
    """

    def __init__(self):
        self.started = time.monotonic()
        self._marks: list[tuple[float, int]] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def per_step(self) -> float | None:
        """Seconds per step, None before enough have been seen."""
        if len(self._marks) < 2:
            return None
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (end - start) / (last - first) if end - start >= _MEASURED else None

    def tick(self, step: int) -> None:
        """Take note that ``step`` steps are done."""
        now = self.elapsed
        if self._marks and now - self._marks[-1][0] < _MARK:
            return
        self._marks = [mark for mark in self._marks if now - mark[0] < _WINDOW]
        self._marks.append((now, step))

    def forget(self) -> None:
        """Measure anew, as steps are of another kind from now on."""
        self._marks = []


@dataclass
class Schedule:
    """Progress of a run by steps, epochs or wall time, and whether it is in its warm-up.

    A time budget is counted in steps as well: as many as the present speed promises. Not so where
    steps of later levels take longer: there it is counted in seconds.

    Attributes
    ----------
    config : TrainingConfig
        Length, rise and decay.
    warmup : WarmupConfig
        Rates and weights of the warm-up, and its longest part of the run.
    n_events : int
        Training events, for epochs.
    setup : float
        Seconds before the first step (reading, auxiliary); they count for a time budget.
    elapsed_before : float
        Seconds of training in earlier, interrupted parts of the run.
    rollbacks : int
        Returns to an earlier state after a divergence; each halves the learning rates.
    is_even : bool
        Whether all steps of the run are of one kind.
    level_start : int
        Step from which on the networks have had images of their present size.
    warmup_end : int or None
        Step from which on the critic takes part; None before.
    pace : Pace
        Speed of this part.
    """

    config: TrainingConfig
    warmup: WarmupConfig
    n_events: int
    setup: float = 0.0
    elapsed_before: float = 0.0
    rollbacks: int = 0
    is_even: bool = True
    level_start: int = 0
    warmup_end: int | None = None
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self):
        if self.warmup.fraction == 0:
            self.warmup_end = 0

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, all parts."""
        return self.elapsed_before + self.pace.elapsed

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

    def expected_steps(self, step: int) -> float | None:
        """Steps of the whole run at the present speed, None if that is not known yet."""
        if self.total_steps is not None:
            return self.total_steps
        if self.pace.per_step is None:
            return None
        return step + max(0.0, self.seconds - self.elapsed) / self.pace.per_step

    def fraction(self, step: int) -> float:
        """Part of the run that is done after ``step`` steps, in [0, 1]."""
        if self.total_steps is None and self.elapsed >= self.seconds:
            return 1.0
        counts_seconds = self.total_steps is None and not self.is_even
        expected = None if counts_seconds else self.expected_steps(step)
        return min(1.0, self.elapsed / self.seconds if expected is None else step / expected)

    def learning_rates(self, step: int) -> tuple[float, float]:
        """Rates of generator and critic: rising after the warm-up, constant, falling at the end.

        They rise anew whenever the networks have grown.
        """
        config, done = self.config, self.fraction(step)
        rise = 1.0
        generator = config.learning_rate
        critic = config.critic_learning_rate or generator
        if self.is_warmup:
            # The first steps at the full rate would take the signal far below the night sky, from
            # where no gradient brings it back.
            generator = self.warmup.learning_rate * rising(step + 1, self.warmup.rise)
        else:
            before = done * (self.warmup_end / max(step, 1))  # the part that was the warm-up
            rise = rising((done - before) / (1.0 - before), config.rise)
        if self.level_start:  # layers are new, as at the start
            rise *= rising(step + 1 - self.level_start, self.warmup.rise)
        fall = falling(1.0 - done, config.decay, config.decay_shape)
        falls = fall, fall**config.critic_decay_power
        rates = zip((generator, critic), falls, strict=True)
        return tuple(rate * max(rise * fall, _LEAST) * self.rate_factor for rate, fall in rates)

    def resume(self, elapsed: float, rollbacks: int) -> None:
        """Go on from an earlier state of the run, reached after ``elapsed`` seconds."""
        self.elapsed_before, self.rollbacks = elapsed, rollbacks
        self.pace = Pace()

    @property
    def rate_factor(self) -> float:
        """What learning rates are lowered to after divergences."""
        return 0.5**self.rollbacks

    @property
    def is_warmup(self) -> bool:
        """Whether the critic has not started yet."""
        return self.warmup_end is None

    def set_warmup(self, end: int | None) -> None:
        """Let the critic start at a step, or stop (None) until the generator shows something."""
        self.warmup_end = end
        self.pace.forget()

    def begin_level(self, step: int) -> None:
        """Let networks be others, which have images of their size since a step."""
        self.level_start = step
        self.pace.forget()

    def pair_weight(self, step: int) -> float:
        """Weight of the pair loss: full in the warm-up, then falling to its final value."""
        first, final = self.warmup.weight, self.warmup.final_weight
        if self.is_warmup:
            return first
        if self.warmup_end == 0:
            return final
        return first + min(1.0, step / self.warmup_end - 1.0) * (final - first)

    def remaining(self, step: int, rate: float) -> float:
        """Estimated seconds left at ``rate`` steps per second."""
        if self.total_steps is None:
            return max(0.0, self.seconds - self.elapsed)
        return (self.total_steps - step) / max(rate, 1e-9)


def rising(done: float, rise: float) -> float:
    """Factor of learning rates after ``done``, a part or steps: from 0 to 1 over ``rise``.

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
