"""One update of both translators and both critics, as a compiled TensorFlow function."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..camera import Camera
from ..config.refine import RefineConfig
from ..intensity import IntensityTransform
from ..models import grid
from ..training import losses as adversarial
from ..training.average import follow
from ..training.losses import excess_penalty, r1_penalty
from ..training.step import uses_xla
from .losses import (
    Translated,
    cycle_loss,
    identity_loss,
    interior_cells,
    label_loss,
    sliced_distance,
    translate_both,
)
from .networks import Networks

#: Independent random streams of one step: of translations, and of the critics from these on.
_REAL_STREAM, _FAKE_STREAM, _SLICE_STREAM, _STREAMS_PER_STEP = 4, 6, 8, 10


class Criticism(NamedTuple):
    """Which way a critic pushes, and the distributions of neighbourhoods with it.

    Attributes
    ----------
    gradients : list of tensor
        Of its own loss by its weights.
    push : tensor (B, side, side, c)
        Gradient of the translator's loss by the translated images.
    loss : scalar
        Its own loss, to show.
    sliced : scalar
        Sliced distance of translated images from those of the domain, to show.
    """

    gradients: list
    push: object
    loss: object
    sliced: object


class RefineStep:
    """Updates of one run.

    Parameters
    ----------
    config : RefineConfig
        Losses, seed.
    networks : Networks
        What is updated.
    intensity : IntensityTransform
        To network units.
    camera : Camera
        The compact grid.
    passes : callable, optional
        Which pixel vectors (B, n_pixels, c) critics see, an array of bool (B,); all by default.
    find_labels : callable, optional
        Labels (B, n_labels) that show in images of the source.
    """

    def __init__(
        self,
        config: RefineConfig,
        networks: Networks,
        intensity: IntensityTransform,
        camera: Camera,
        passes: Callable | None = None,
        find_labels: Callable | None = None,
    ):
        self.config, self.networks, self.intensity = config, networks, intensity
        self.passes, self.find_labels = passes, find_labels
        self.camera = camera
        self.mask = tf.constant(camera.mask[None, ..., None])
        self.places = tf.constant(_places(camera))
        self.interior = tf.constant(interior_cells(camera.mask))
        # XLA cannot compile what asks NumPy.
        is_jit = uses_xla(config.training.jit) and passes is None
        options = {"reduce_retracing": True, "jit_compile": is_jit or None}
        self.joint_step = tf.function(self._joint_step, autograph=False, **options)
        self._refine = tf.function(self._refined, autograph=False, reduce_retracing=True)

    def images(self, pixels):
        """Pixel vectors (B, n_pixels, c) in p.e./ns to the grid in network units."""
        return grid.images(self.intensity.encode(pixels), self.camera)

    def pixels(self, images, stream):
        """Inverse of `images`; times of pixels without signal are drawn."""
        encoded = grid.pixels(images, self.camera)
        uniform = tf.random.stateless_uniform(tf.shape(encoded)[:2], self._key(stream))
        return self.intensity.decode(encoded, uniform)

    def translate(self, translator, images, stream):
        """Images (B, side, side, c) in the other domain, with the noise of a random stream."""
        n = tf.shape(images)[0]
        shape = (n, *self.mask.shape[1:3], self.config.translator.noise)
        noise = tf.random.stateless_normal(shape, self._key(stream))
        mask = tf.repeat(self.mask, n, axis=0)
        return translator([images, noise, mask], training=True)

    def refine(self, pixels, number: int = 0):
        """Pixel vectors (n, n_pixels, c) in p.e./ns after the averaged translator.

        Samples of different numbers have random numbers of their own.
        """
        return self._refine(pixels, tf.constant(number, tf.int64))

    def _refined(self, pixels, number):
        # Negative streams are those of no training step.
        images = self.translate(self.networks.averaged, self.images(pixels), -1 - 2 * number)
        return self.pixels(images, -2 - 2 * number)

    def _key(self, stream):
        return tf.stack([tf.constant(self.config.seed, tf.int64), tf.cast(stream, tf.int64)])

    def _joint_step(self, step, source, target, regularize: bool):
        """Update everything on pixel vectors (B, n_pixels, c) of both domains; losses by name."""
        stream = step * _STREAMS_PER_STEP
        nets = self.networks
        source, target = self.images(source), self.images(target)
        with tf.GradientTape() as tape:
            ahead, behind = self._translated(source, target, stream)
            held, values = self._held(ahead, behind)
        of_target = self._criticised(nets.target_critic, target, ahead.other, stream, regularize)
        of_source = self._criticised(
            nets.source_critic, source, behind.other, stream + 1, regularize
        )
        gradients = tape.gradient(
            [ahead.other, behind.other, held],
            nets.translator_variables,
            output_gradients=[of_target.push, of_source.push, tf.ones(())],
        )
        moved = zip(of_target.gradients + of_source.gradients, nets.critic_variables, strict=True)
        nets.critic_optimizer.apply_gradients(moved)
        moved = zip(gradients, nets.translator_variables, strict=True)
        nets.translator_optimizer.apply_gradients(moved)
        follow(nets.averaged, nets.forward, self.config.training.ema, step)
        values["sliced"] = of_target.sliced + of_source.sliced
        values |= {"critic_target": of_target.loss, "critic_source": of_source.loss}
        return values

    def _translated(self, source, target, stream) -> tuple[Translated, Translated]:
        def forward(images, number):
            return self.translate(self.networks.forward, images, stream + number)

        def backward(images, number):
            return self.translate(self.networks.backward, images, stream + 2 + number)

        return translate_both(source, target, forward, backward)

    def _held(self, ahead: Translated, behind: Translated):
        """What needs no critic, weighted and summed, and by name."""
        config, values = self.config.loss, {}
        values["cycle"] = cycle_loss(ahead) + cycle_loss(behind)
        values["identity"] = identity_loss(ahead) + identity_loss(behind)
        total = config.cycle * values["cycle"] + config.identity * values["identity"]
        if self.find_labels is not None:
            found = self.find_labels(ahead.other), self.find_labels(ahead.own)
            values["labels"] = label_loss(*found)
            total += self.config.auxiliary.weight * values["labels"]
        if config.excess:
            images = tf.concat([ahead.other, behind.other], 0)
            total += config.excess * excess_penalty(images, self.intensity.reach)
        return total, values

    def _seen(self, images, stream):
        """Rows (B,) of images that a critic is shown."""
        if self.passes is None:
            return tf.range(tf.shape(images)[0])
        pixels = self.pixels(tf.stop_gradient(images), stream)
        passed = tf.numpy_function(self.passes, [pixels], tf.bool, stateful=False)
        return passing_rows(tf.ensure_shape(passed, (None,)))

    def _criticised(self, critic, real, fake, stream, regularize: bool) -> "Criticism":
        """What a critic says of images (B, side, side, c) of its domain and translated ones."""
        config = self.config.loss
        rows = [
            self._seen(images, stream + offset)
            for images, offset in ((real, _REAL_STREAM), (fake, _FAKE_STREAM))
        ]
        shown = tf.gather(real, rows[0]), tf.gather(fake, rows[1])
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(shown)
            with tf.GradientTape() as of_real:
                of_real.watch(shown[0])
                # In one batch: batch normalisation would show each kind a network of its own.
                places = tf.repeat(self.places, 2 * tf.shape(real)[0], axis=0)
                scores = critic([tf.concat(shown, 0), places], training=True)
                pairs = [tf.split(score, 2) for score in scores]
                whole = tf.add_n([tf.reduce_mean(of, axis=1) for of, _ in pairs])
            kind = config.adversarial
            total = loss = tf.add_n([adversarial.critic_loss(kind, *pair) for pair in pairs])
            own = tf.add_n([adversarial.generator_loss(kind, of_fake) for _, of_fake in pairs])
            sliced = tf.zeros(())
            if config.sliced:
                key = self._key(stream + _SLICE_STREAM)
                sliced = sliced_distance(*shown, key, self.interior)
                own += config.sliced * sliced
            if regularize:
                penalty = r1_penalty(of_real.gradient(whole, shown[0]))
                # Applied every `interval` steps only, hence that much stronger.
                total += config.weight * config.interval * penalty
        gradients = tape.gradient(total, critic.trainable_variables)
        # An image that is shown twice is pushed twice.
        push = tf.math.unsorted_segment_sum(
            tape.gradient(own, shown[1]), rows[1], tf.shape(fake)[0]
        )
        return Criticism(gradients, push, loss, sliced)


def _places(camera: Camera) -> np.ndarray:
    """Cells that hold a pixel and where it is, in camera radii, (1, side, side, PLACES)."""
    place = camera.pixel_xy / np.abs(camera.pixel_xy).max()
    columns = np.column_stack([np.ones(camera.n_pixels), place])
    return camera.to_grid(columns[None].astype(np.float32))


def passing_rows(passed):
    """Rows of images that pass, repeated until there are as many as of all images (B,) of bool.

    Batches keep their size, and normalisations by batch see nothing else.
    """
    first = tf.argsort(tf.cast(~passed, tf.int32), stable=True)
    n_passed = tf.maximum(tf.reduce_sum(tf.cast(passed, tf.int32)), 1)
    return tf.gather(first, tf.range(tf.size(passed)) % n_passed)
