"""Watches a run for the ways in which training fails: says each once, and again at its end."""

import logging
from dataclasses import asdict, dataclass

import tensorflow as tf

from ..config.train import LossConfig
from .course import Course
from .failures import OF_LOOKS, OF_SNAPSHOTS, Failure
from .schedule import Schedule

log = logging.getLogger(__name__)

#: Steps between looks at the losses. Numbers of steps, not seconds, so that a resumed run sees what
#: an uninterrupted one does.
EVERY = 10


@dataclass
class Alarm:
    """A failure that has been seen.

    Attributes
    ----------
    first, last : int
        Steps at which it was seen first and last.
    value : float
        The figure by which it was seen last.
    gone : bool
        Whether it has not been there at the latest look.
    """

    first: int
    last: int
    value: float
    gone: bool = False


class Health:
    """Looks at losses and snapshots of a run since its critic started.

    Parameters
    ----------
    loss : LossConfig
        What the losses mean.
    schedule : Schedule
        Knows of the warm-up and of returns after divergences.

    Attributes
    ----------
    alarms : dict of str to Alarm
        Failures that have been seen, by name.
    """

    def __init__(self, loss: LossConfig, schedule: Schedule):
        self.schedule = schedule
        self._course = Course(loss)
        self.alarms: dict[str, Alarm] = {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.tell()

    def after(self, step: int, values: dict[str, tf.Tensor]) -> None:
        """Look at the scalars of a step, which are read only when it is time to."""
        if self.schedule.is_warmup or "critic" not in values:
            self._course.looks = []
        elif step % EVERY == 0:
            self._course.look(values)
            if self._course.is_long:
                self._check(step, OF_LOOKS)

    def snapshot(self, step: int, found: dict[str, float]) -> None:
        """Look at what was measured on held-out events."""
        if not self._course.is_long:
            return
        self._course.measured(found)
        if len(self._course.snapshots) > 1:
            self._check(step, OF_SNAPSHOTS)

    def _check(self, step: int, failures: tuple[Failure, ...]) -> None:
        for failure in failures:
            value = failure.value(self._course)
            alarm = self.alarms.get(failure.name)
            if value is None:
                if alarm:
                    alarm.gone = True
                continue
            if alarm is None:
                log.warning("Step %d: %s", step, failure.sentence(value))
                alarm = self.alarms[failure.name] = Alarm(step, step, value)
            alarm.last, alarm.value, alarm.gone = step, value, False

    def tell(self) -> None:
        """Say once more what has been seen."""
        if self.schedule.rollbacks:
            log.warning("Losses were not finite, %d times.", self.schedule.rollbacks)
        for failure in (*OF_LOOKS, *OF_SNAPSHOTS):
            alarm = self.alarms.get(failure.name)
            if alarm:
                until = f"step {alarm.last}" if alarm.gone else "the end"
                said = failure.sentence(alarm.value)
                log.warning("From step %d to %s: %s", alarm.first, until, said)

    @property
    def state(self) -> dict:
        """What a resumed run has to know."""
        alarms = {name: asdict(alarm) for name, alarm in self.alarms.items()}
        return {"course": self._course.state, "alarms": alarms}

    def restore(self, state: dict | None) -> None:
        """Go on from an earlier `state`; what has been said since then stays said.

        None is that of a run by a version that did not look.
        """
        if state is None:
            return
        self._course.restore(state["course"])
        self.alarms |= {name: Alarm(**alarm) for name, alarm in state["alarms"].items()}
