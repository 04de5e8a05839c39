"""Moving averages of networks: what goes into a bundle."""

import keras
import tensorflow as tf


def follow(average: keras.Model, network: keras.Model, ema: float, done) -> None:
    """Move the weights of an average towards those of its network.

    Parameters
    ----------
    average, network : keras.Model
        Of one architecture.
    ema : float
        What stays of the average in a step in the end; less at first, early weights are forgotten
        fast.
    done : int tensor
        Steps that the network has been trained.
    """
    done = tf.cast(done, tf.float32)
    decay = tf.minimum(ema, (1.0 + done) / (10.0 + done))
    for old, new in zip(average.weights, network.weights, strict=True):
        old.assign(new + decay * (old - new))
