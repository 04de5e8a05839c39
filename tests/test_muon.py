"""Muon: orthogonal steps of kernels, Adam's of all else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ctlearn_gan_aug.training.muon import Muon, orthogonal
from ctlearn_gan_aug.training.optimizer import FusedAdam


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(90, 20), (20, 90)], ids=["tall", "wide"])
def test_orthogonal_keeps_directions_alone(rng, shape):
    """Weak directions count as much as strong ones, whatever the size of the gradient."""
    left, strong, right = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    matrix = (left * strong * np.geomspace(1.0, 0.01, 20)) @ right
    found = orthogonal(tf.constant(matrix, tf.float32)).numpy()
    inside = left.T @ found @ right.T
    assert np.all((np.diag(inside) > 0.6) & (np.diag(inside) < 1.2))
    np.testing.assert_allclose(inside, np.diag(np.diag(inside)), atol=2e-3)
    np.testing.assert_allclose(orthogonal(tf.constant(1e6 * matrix, tf.float32)), found, atol=2e-3)


def test_no_gradient_no_step():
    assert not orthogonal(tf.zeros((30, 20))).numpy().any()


def moved(kind, starts, n_steps, loss, **options) -> list[np.ndarray]:
    """Variables after some steps at a rate of 0.01."""
    variables = [keras.Variable(x) for x in starts]
    optimizer = kind(0.01, **options, beta_1=0.0, beta_2=0.99, epsilon=1e-8, global_clipnorm=1.0)
    optimizer.build(variables)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            value = loss(*variables)
        gradients = tape.gradient(value, [x.value for x in variables])
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    for _ in range(n_steps):
        step()
    return [x.numpy() for x in variables]


def test_kernels_step_by_muon_all_else_by_adam(rng):
    shapes = [(3, 3, 16, 24), (24,), (3, 3, 4, 8), (200, 150)]
    starts = [rng.normal(size=shape).astype(np.float32) for shape in shapes]

    def loss(*variables):
        return sum(tf.reduce_sum(tf.sin(x.value)) for x in variables)

    after = moved(Muon, starts, 1, loss, step=0.3)
    expected = moved(FusedAdam, starts, 1, loss)
    for one, other in zip(after[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)  # vectors, kernels too small and too large
    step = after[0] - starts[0]
    assert np.sqrt(np.mean(step**2)) == pytest.approx(0.01 * 0.3, rel=0.25)


def test_muon_learns_what_hardly_shows(rng):
    """Inputs of sizes that differ by a factor of 30, mixed: the faint ones are learnt as soon."""
    turn, _ = np.linalg.qr(rng.normal(size=(32, 32)))
    inputs = rng.normal(size=(512, 32)) * np.geomspace(1.0, 0.03, 32) @ turn
    inputs, wanted = tf.constant(inputs, tf.float32), rng.normal(size=(32, 24))
    outputs = tf.matmul(inputs, tf.constant(wanted, tf.float32))

    def loss(kernel):
        return tf.reduce_mean(tf.square(tf.matmul(inputs, kernel.value) - outputs))

    start = [np.zeros((32, 24), np.float32)]
    found = [moved(Muon, start, 400, loss, step=1.0), moved(FusedAdam, start, 400, loss)]
    muon, adam = (np.abs(turn @ (kernel - wanted)).mean(axis=1).max() for (kernel,) in found)
    assert muon < 0.2 * adam
