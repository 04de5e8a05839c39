"""Streams of batches as TensorFlow runs them."""

import numpy as np
import tensorflow as tf

from ctlearn_gan_aug.streaming import ahead


def test_batches_stay_what_they_are_and_in_order():
    numbers = ahead(tf.data.Dataset.range(9).batch(2))
    assert numbers.cardinality() == 5
    np.testing.assert_array_equal(np.concatenate(list(numbers.as_numpy_iterator())), range(9))


def test_nobody_waits_for_a_tuning_thread_whatever_follows():
    pair = tf.data.Dataset.zip((ahead(tf.data.Dataset.range(9)), ahead(tf.data.Dataset.range(9))))
    for stream in (ahead(pair), ahead(tf.data.Dataset.range(9)).map(lambda x: x).take(3)):
        assert stream.options().autotune.enabled is False
