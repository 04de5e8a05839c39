"""The loop of a refinement: that of every training, with another step."""

from dataclasses import dataclass

import tensorflow as tf

from ..training.loop import Loop


@dataclass
class RefineLoop(Loop):
    """Steps of one run, as of `Loop`; ``step`` is a `RefineStep`, batches are of both domains."""

    def _one_step(self, batches, number: int) -> dict:
        source, target = next(batches)
        regularize = number % self.config.loss.interval == 0
        return self.step.joint_step(tf.constant(number, tf.int64), source, target, regularize)
