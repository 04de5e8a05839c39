"""Enlarged losses, without which small gradients vanish in float16."""

import tensorflow as tf

#: At the start; found anew within a few steps.
FIRST = 1024.0
_LARGEST = 2.0**15
#: Steps without overflow in which the scale doubles.
_DOUBLING = 1000


class LossScale:
    """A factor of all losses that follows what float16 can hold (arXiv 1710.03740).

    Attributes
    ----------
    value : tf.Variable
        The factor: halved when gradients overflow, slowly rising while they do not.
    """

    def __init__(self):
        self.value = tf.Variable(FIRST, trainable=False)

    def unscaled(self, *groups: list) -> list[list]:
        """Gradients of the losses themselves, from those of all scaled losses of one step.

        A group in which a gradient has overflown is zero throughout, which leaves its step out.
        None stays None.
        """
        given = [[g for g in group if g is not None] for group in groups]
        finite = [
            tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in group]) for group in given
        ]
        scale = self.value.read_value()
        change = tf.where(tf.reduce_all(finite), 2.0 ** (1.0 / _DOUBLING), 0.5)
        self.value.assign(tf.clip_by_value(scale * change, 1.0, _LARGEST))

        def unscaled(gradient, is_finite):
            if gradient is None:
                return None
            return tf.where(is_finite, gradient / scale, tf.zeros_like(gradient))

        pairs = zip(groups, finite, strict=True)
        return [[unscaled(g, is_finite) for g in group] for group, is_finite in pairs]
