"""The end of the warm-up, by what the generator has learnt, and its return if that is lost."""

import functools
import logging
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ..data.events import Events
from ..dl1.cleaning import clean, infer_cleaning
from ..intensity import CHARGE_UNIT
from ..labels import LabelSet
from . import scores
from .schedule import Schedule
from .step import AdversarialStep

log = logging.getLogger(__name__)

#: Events looked at, and steps between looks in the warm-up and after it.
_N_EVENTS, _EVERY, _RARELY = 256, 25, 250
#: It ends when the gain has grown by less than this part of itself in so many looks.
_GROWTH, _LOOKS = 0.2, 4
#: A generator shows night sky alone if its gain is below the first and so large a share of images
#: is dark that would be lit in simulation; and how often it is brought back from there.
_MARGIN, _DEAD, _MAX_RETURNS = 0.02, 0.6, 3
#: Steps of a run below which images follow their labels poorly, those from which they do it well,
#: and seconds after which the number of steps is known.
_FEW, _MANY, _SOON = 1000, 10_000, 60.0


class Warmup:
    """Looks at the averaged generator every few steps, and tells the schedule what follows.

    Its images of the labels of simulated events, two of each, are compared with them by the pair
    loss, a proper score. The gain is the part by which it is below that of night sky alone.

    Parameters
    ----------
    schedule : Schedule
        Is told when the critic starts, and when it has to stop.
    step : AdversarialStep
        Makes the images.
    events : Events
        Held-out simulated events.
    labels : LabelSet
        Encodes their labels.
    note : callable
        Is told a step and what was found there, by name.
    """

    def __init__(
        self,
        schedule: Schedule,
        step: AdversarialStep,
        events: Events,
        labels: LabelSet,
        note: Callable[[int, dict[str, float]], None],
    ):
        self.schedule, self.step, self.note = schedule, step, note
        self._events = events.sample(_N_EVENTS)
        self._encoded = labels.encode(self._events.labels)
        #: Share of simulated images without a cleaned pixel.
        self._dark = float(np.mean(~self._events.masks.any(axis=1)))
        self._gains: list[float] = []
        self._returns = 0
        self._is_told = False

    @property
    def state(self) -> dict:
        """What a resumed run has to know."""
        return {"gains": self._gains, "returns": self._returns, "end": self.schedule.warmup_end}

    def restore(self, state: dict) -> None:
        """Go on from an earlier `state`."""
        self._gains, self._returns = list(state["gains"]), state["returns"]
        self.schedule.set_warmup(state["end"])

    def forget(self) -> None:
        """Compare with nothing before, as images are of another size from now on."""
        self._gains = []
        self.__dict__.pop("_night_sky", None)

    def after(self, number: int) -> None:
        """Look at the generator after ``number`` steps if it is time to."""
        self._warn_if_short(number)
        if not self.schedule.is_warmup:
            if number % _RARELY == 0 and self.schedule.warmup.uses_pairs:
                self._check_alive(number)
            return
        is_long = self.schedule.fraction(number) >= self.schedule.warmup.fraction
        is_over = is_long and self._returns == 0
        if number % _EVERY and not is_over:
            return
        gain, dark = self._look(number)
        self._gains.append(gain)
        if is_over or (self._has_learnt() and not self._is_dead(gain, dark)):
            self._start(number, gain, dark)

    @functools.cached_property
    def _cleaning(self):
        events = self._events
        return infer_cleaning(events.pixels[..., 0], events.masks, events.camera.geometry)

    @functools.cached_property
    def _night_sky(self) -> float:
        """Score of images without any signal."""
        shape = self._events.pixels.shape
        return self._score(*(_night_sky(self.step, shape, i) for i in range(2)))

    def _start(self, number: int, gain: float, dark: float) -> None:
        self.schedule.set_warmup(number)
        if self._is_dead(gain, dark) and number >= _EVERY:
            log.warning(
                "Step %d: the critic starts, as the warm-up has taken warmup.fraction (%g) of the "
                "run, but images still show night sky alone; give more steps or time.",
                number,
                self.schedule.warmup.fraction,
            )
            return
        log.info(
            "Step %d: the critic starts; pairs score %.0f%% below night sky, %.0f%% of the images "
            "are dark (simulated %.0f%%).",
            number,
            *(100 * x for x in (gain, dark, self._dark)),
        )

    def _check_alive(self, number: int) -> None:
        """Pause the critic if the generator shows nothing any more."""
        gain, dark = self._look(number)
        if not self._is_dead(gain, dark) or self._returns >= _MAX_RETURNS:
            return
        log.warning(
            "Step %d: %.0f%% of the images are dark (simulated %.0f%%): the generator learns from "
            "pairs alone again, until it shows showers.",
            number,
            *(100 * x for x in (dark, self._dark)),
        )
        self._returns += 1
        self._gains = []
        self.schedule.set_warmup(None)

    def _has_learnt(self) -> bool:
        """Whether the gain has stopped growing."""
        if len(self._gains) <= _LOOKS:
            return False
        before, best = max(self._gains[:-_LOOKS]), max(self._gains)
        return best - before < _GROWTH * best

    def _is_dead(self, gain: float, dark: float) -> bool:
        """Whether hardly anything shows: standing still at night sky is no end of learning.

        Dark images alone are no sign of it: what pairs teach of showers whose labels tell little,
        as of protons, may be too faint for the cleaning, and only a critic makes it bright.
        """
        return gain < _MARGIN and dark - self._dark > _DEAD * (1.0 - self._dark)

    def _look(self, number: int) -> tuple[float, float]:
        """Gain, and share of images without a cleaned pixel."""
        images = [self.step.sample(self._encoded, i) for i in range(2)]
        gain = 1.0 - self._score(*images) / self._night_sky
        masks = clean(images[0][..., 0], self._events.camera.geometry, self._cleaning)
        dark = float(np.mean(~masks.any(axis=1)))
        self.note(number, {"gain": gain, "dark": dark})
        return gain, dark

    def _score(self, first, second) -> float:
        images = (self.step.real_images(pixels) for pixels in (self._events.pixels, first, second))
        return float(scores.pair_loss(*images, mean_weight=0.0))

    def _warn_if_short(self, number: int) -> None:
        """Say early that a time budget holds few steps, and how much would do."""
        schedule = self.schedule
        if self._is_told or schedule.total_steps is not None or schedule.elapsed < _SOON:
            return
        expected = schedule.expected_steps(number)
        if expected is None:
            return
        self._is_told = True
        if expected < _FEW:
            log.warning(
                "training.budget: at this speed it holds %.0f steps at most. Images follow their "
                "labels poorly below %d, and well from about %d on; give %.1f h or more.",
                expected,
                _FEW,
                _MANY,
                schedule.config.budget * _MANY / expected / 3600,
            )


def _night_sky(step: AdversarialStep, shape: tuple[int, int, int], number: int):
    """Pixels (n, n_pixels, c) without any signal."""
    normal = tf.random.stateless_normal((*shape[:2], 2), (number, 0))
    charge, *times = step.intensity.pedestals(normal)
    openness = (charge * CHARGE_UNIT - step.intensity.gate_center) * step.intensity.gate_slope
    encoded = tf.concat([charge, *(tf.sigmoid(openness) * time for time in times)], axis=-1)
    return step.intensity.decode(encoded)
