"""One update of critic and generator, as compiled TensorFlow functions."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from ..camera import Camera
from ..config.train import TrainConfig, TrainingConfig
from ..intensity import IntensityTransform
from ..models.generator import NOISE_CHANNELS
from ..models.maps import LabelMaps
from . import losses

#: Independent random streams of one step.
_CRITIC_STREAM, _GENERATOR_STREAM, _INTERPOLATE_STREAM = 0, 1000, 2000
_STREAMS_PER_STEP = 3000


@dataclass
class Networks:
    """The variables of a run: both networks, their optimizers, the averaged generator."""

    generator: keras.Model
    averaged: keras.Model
    critic: keras.Model
    generator_optimizer: keras.optimizers.Optimizer
    critic_optimizer: keras.optimizers.Optimizer

    @classmethod
    def create(cls, config: TrainingConfig, build_generator: Callable, critic: keras.Model):
        """Networks with their optimizers; ``build_generator()`` makes a new generator."""
        generator, averaged = build_generator(), build_generator()
        averaged.set_weights(generator.get_weights())
        beta_1, beta_2 = config.betas
        options = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": 1e-8}
        options["global_clipnorm"] = config.gradient_clip
        optimizers = []
        for model in (generator, critic):
            optimizers.append(keras.optimizers.Adam(config.learning_rate, **options))
            optimizers[-1].build(model.trainable_variables)
        return cls(generator, averaged, critic, *optimizers)

    def set_learning_rates(self, rates: tuple[float, float]) -> None:
        """Change the rates of generator and critic."""
        self.generator_optimizer.learning_rate = rates[0]
        self.critic_optimizer.learning_rate = rates[1]


class AdversarialStep:
    """Critic and generator updates of one run.

    Parameters
    ----------
    config : TrainConfig
        Losses, sizes, seed.
    networks : Networks
        What is updated.
    intensity, maps : IntensityTransform, LabelMaps
        To network units, and label maps.
    camera : Camera
        The compact grid.
    auxiliary : callable, optional
        Maps (generated images in network units, encoded labels) to a scalar loss.
    """

    def __init__(
        self,
        config: TrainConfig,
        networks: Networks,
        intensity: IntensityTransform,
        maps: LabelMaps,
        camera: Camera,
        auxiliary: Callable | None = None,
    ):
        self.config = config
        self.networks = networks
        self.intensity = intensity
        self.maps = maps
        self.auxiliary = auxiliary
        self.pixel_of_cell = tf.constant(camera.pixel_of_cell)
        self.cell_of_pixel = tf.constant(camera.cell_of_pixel)
        self.mask = tf.reshape(tf.constant(maps.mask), (1, maps.side, maps.side, 1))
        self.critic_step = tf.function(self._critic_step, reduce_retracing=True)
        self.generator_step = tf.function(self._generator_step, reduce_retracing=True)
        self._sample = tf.function(self._sampled_pixels, reduce_retracing=True)

    def real_images(self, pixels):
        """Pixel vectors (B, n_pixels, c) in p.e./ns to the grid in network units."""
        encoded = tf.pad(self.intensity.encode(pixels), [[0, 0], [0, 1], [0, 0]])
        grid = tf.gather(encoded, self.pixel_of_cell, axis=1)
        return tf.reshape(grid, (-1, self.maps.side, self.maps.side, encoded.shape[-1]))

    def generate(self, labels, maps, stream, training: bool):
        """Images of encoded labels (B, n_labels), from the random stream of that number."""
        latent, noise = random_inputs(
            self.config.seed, stream, tf.shape(labels)[0], self.networks.generator
        )
        image = self.networks.generator([latent, labels, maps, noise], training=training)
        return image * self.mask

    def _critic_step(self, step, part, pixels, labels, regularize: bool):
        """Update the critic on one batch; returns its loss and its scores' difference by name."""
        loss_config = self.config.loss
        critic, optimizer = self.networks.critic, self.networks.critic_optimizer
        stream = step * _STREAMS_PER_STEP + part
        maps = self.maps(labels)
        real = self.real_images(pixels)
        fake = self.generate(labels, maps, stream + _CRITIC_STREAM, training=True)
        both = [tf.concat([x, y], 0) for x, y in ((real, fake), (labels, labels), (maps, maps))]
        with tf.GradientTape() as tape:
            real_score, fake_score = tf.split(critic(both, training=True), 2)
            loss = losses.critic_loss(
                loss_config.adversarial, real_score, fake_score, loss_config.label_smoothing
            )
            total = loss
            if regularize:
                total += self._regularizer(real, fake, labels, maps, stream)
        variables = critic.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        difference = tf.reduce_mean(real_score) - tf.reduce_mean(fake_score)
        return {"critic": loss, "difference": difference}

    def _regularizer(self, real, fake, labels, maps, stream):
        config = self.config.loss
        if config.regularizer == "gradient_penalty":
            seed = tf.stack([tf.constant(self.config.seed, tf.int64), stream + _INTERPOLATE_STREAM])
            share = tf.random.stateless_uniform((tf.shape(real)[0], 1, 1, 1), seed)
            point, penalty = real + share * (fake - real), losses.gradient_penalty
        else:
            point, penalty = real, losses.r1_penalty
        with tf.GradientTape() as tape:
            tape.watch(point)
            score = self.networks.critic([point, labels, maps], training=True)
        # The penalty is applied every `interval` steps only, hence that much stronger.
        return config.weight * config.interval * penalty(tape.gradient(score, point))

    def _generator_step(self, step, pixels, labels, pair_weight, adversarial: bool):
        """Update the generator and its average; returns its losses by name.

        Where the pair loss counts, half of the batch is used, with two images per label.
        ``adversarial`` false leaves the critic out: the warm-up learns from pairs alone.
        """
        networks, values, total = self.networks, {}, 0.0
        pairs = self.config.warmup.uses_pairs
        half = (tf.shape(labels)[0] + 1) // 2
        if pairs:
            labels = tf.tile(labels[:half], [2, 1])
        maps = self.maps(labels)
        stream = step * _STREAMS_PER_STEP + _GENERATOR_STREAM
        with tf.GradientTape() as tape:
            fake = self.generate(labels, maps, stream, training=True)
            if pairs:
                real = self.real_images(pixels[:half])
                values["pairs"] = losses.pair_loss(real, fake[:half], fake[half:])
                total += pair_weight * values["pairs"]
            if adversarial:
                score = networks.critic([fake, labels, maps], training=True)
                values["generator"] = losses.generator_loss(self.config.loss.adversarial, score)
                total += values["generator"]
            if self.auxiliary:
                values["auxiliary"] = self.auxiliary(fake, labels)
                total += values["auxiliary"]
        variables = networks.generator.trainable_variables
        gradients = tape.gradient(total, variables)
        networks.generator_optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self._update_average(step)
        return values

    def _update_average(self, step):
        """Moving average with a ramp: early weights are forgotten fast."""
        done = tf.cast(step, tf.float32)
        decay = tf.minimum(self.config.training.ema, (1.0 + done) / (10.0 + done))
        pairs = zip(
            self.networks.averaged.variables, self.networks.generator.variables, strict=True
        )
        for average, value in pairs:
            average.assign(value + decay * (average - value))

    def sample(self, labels):
        """Pixel vectors (B, n_pixels, c) in p.e./ns from the averaged generator."""
        return self._sample(tf.convert_to_tensor(labels)).numpy()

    def _sampled_pixels(self, labels):
        latent, noise = random_inputs(
            self.config.seed, -1, tf.shape(labels)[0], self.networks.averaged
        )
        image = self.networks.averaged([latent, labels, self.maps(labels), noise], training=False)
        cells = tf.reshape(image, (tf.shape(image)[0], -1, image.shape[-1]))
        pixels = tf.gather(cells, self.cell_of_pixel, axis=1)
        key = tf.constant([self.config.seed, -2], tf.int64)
        uniform = tf.random.stateless_uniform(tf.shape(pixels)[:2], key)
        return self.intensity.decode(pixels, uniform)


def random_inputs(seed: int, stream, n, generator: keras.Model):
    """Latents (n, latent) and pixel noise (n, side, side, NOISE_CHANNELS) of a random stream."""
    latent_size, side = generator.inputs[0].shape[-1], generator.inputs[3].shape[1]
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(stream, tf.int64)])
    flat = latent_size + side * side * NOISE_CHANNELS
    numbers = tf.random.stateless_normal((n, flat), key)
    latent, noise = numbers[:, :latent_size], numbers[:, latent_size:]
    return latent, tf.reshape(noise, (-1, side, side, NOISE_CHANNELS))
