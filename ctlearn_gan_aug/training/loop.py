"""The training loop: steps until the end, interrupts, and ways back from divergence."""

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..config.train import TrainConfig
from ..data.pipeline import Batch
from ..errors import UserError
from .criticism import Turns
from .monitor import Monitor
from .schedule import Schedule
from .step import AdversarialStep

log = logging.getLogger(__name__)

#: Returns to the last good state before a run is given up.
_MAX_ROLLBACKS = 3


@dataclass
class Loop:
    """Steps of one run.

    Attributes
    ----------
    config : TrainConfig
        What to do.
    step : AdversarialStep
        Updates the networks.
    schedule : Schedule
        How far the run is.
    monitor : Monitor
        Is told the losses.
    batches : callable
        Number of the first batch to an iterator of what `Batch` is made of.
    save, draw : callable
        Keep the state, draw sample figures; are told the step.
    look : callable
        Looks after every step at what has come of it; is told the step and its values.
    snapshot : callable
        Measure the state, ``training.snapshots`` times a run; is told the step.
    grow : callable
        Change the networks if it is time to; is told the step.
    restore : callable
        Return to the last state that was kept, and tell its step.
    interrupted : bool
        Whether a signal has ended the loop.
    """

    config: TrainConfig
    step: AdversarialStep
    schedule: Schedule
    monitor: Monitor
    batches: Callable[[int], Iterator]
    save: Callable[[int], None]
    restore: Callable[[], int]
    draw: Callable[[int], None]
    look: Callable[[int, dict], None] = lambda step, values: None
    snapshot: Callable[[int], None] = lambda step: None
    grow: Callable[[int], None] = lambda step: None
    interrupted: bool = False

    def run(self, first: int) -> int:
        """Train from step ``first`` until the run ends; returns the last step.

        After a divergence the run goes on from the last good state, with lower learning rates.
        """
        number, ended = first, self.schedule.fraction(first) >= 1.0
        if not ended and first == 0:
            self.save(0)
        with self._catch_signals():
            while not ended:
                try:
                    number = self._until_end(number)
                    ended = True
                except FloatingPointError:
                    number = self._roll_back()
        return number

    def _until_end(self, number: int) -> int:
        config = self.config.training
        batches = self.batches(number * config.critic_steps)
        saved = drawn = time.monotonic()
        part = self._part(number)
        ended = False
        while not ended:
            self.grow(number)
            rates = self.schedule.learning_rates(number)
            self.step.networks.set_learning_rates(rates)
            values = self._one_step(batches, number)
            number += 1
            self.schedule.pace.tick(number)
            self.look(number, values)
            ended = self.interrupted or self.schedule.fraction(number) >= 1.0
            self.monitor.update(number, values, last=ended)
            _check_finite(self.monitor.latest)
            if self._part(number) > part:
                part = self._part(number)
                self.snapshot(number)
            now = time.monotonic()
            if now - drawn > config.samples_every:
                self.draw(number)
                drawn = now
            if now - saved > config.checkpoint_every:
                _check_finite(values)  # the monitor's may be seconds old
                self.save(number)
                saved = now
        return number

    def _part(self, number: int) -> int:
        """How many of the parts that end with a snapshot are over."""
        return int(self.schedule.fraction(number) * self.config.training.snapshots)

    def _one_step(self, batches, number: int) -> dict:
        config = self.config
        index = tf.constant(number, tf.int64)
        pair_weight = tf.constant(self.schedule.pair_weight(number), tf.float32)
        last = config.training.critic_steps - 1
        for part in range(last + 1):
            batch = Batch(*next(batches))
            if self.schedule.is_warmup:
                continue
            turns = Turns.of(config, number * config.training.critic_steps + part)
            counter = tf.constant(part, tf.int64)
            data = index, counter, batch.pixels, batch.labels
            if part == last:
                values = self.step.joint_step(*data, pair_weight, turns, batch.shown)
                return values | self._cotrain(number, batch.pixels, batch.labels)
            self.step.critic_step(*data, turns, batch.shown)
        return self.step.generator_step(index, batch.pixels, batch.labels, pair_weight)

    def _cotrain(self, number: int, pixels, labels) -> dict:
        """Let the auxiliary learn on if it is its turn."""
        cotraining = self.step.networks.cotraining
        if not cotraining or not cotraining.is_due(number, self.schedule.fraction(number)):
            return {}
        return self.step.cotrain_step(tf.constant(number, tf.int64), pixels, labels)

    def _roll_back(self) -> int:
        rollbacks = self.schedule.rollbacks + 1
        if rollbacks > _MAX_ROLLBACKS:
            raise UserError(
                f"{self.config.output}: the losses are no longer finite, after {_MAX_ROLLBACKS} "
                "returns to the last good state too; lower training.learning_rate or strengthen "
                "loss.weight, and start anew."
            )
        log.warning("The losses are no longer finite: back to the last good state.")
        number = self.restore()
        self.schedule.rollbacks = rollbacks
        self.save(number)  # so that a resumed run remembers the lower rates
        log.warning("Learning rates are %g of those configured now.", self.schedule.rate_factor)
        self.monitor.rewind(number)
        return number

    @contextlib.contextmanager
    def _catch_signals(self):
        """Ctrl-C and SIGTERM end the loop after the current step, with the state saved."""

        def stop(number, frame):
            self.interrupted = True

        try:
            before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not in the main thread: signals are not ours to catch
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _check_finite(values: dict) -> None:
    if not all(np.isfinite(value) for value in values.values()):
        raise FloatingPointError
