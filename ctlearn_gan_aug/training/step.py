"""One update of critic and generator, as compiled TensorFlow functions."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from ..camera import Camera
from ..config.train import TrainConfig
from ..intensity import IntensityTransform
from ..memory import images_per_batch
from ..models import grid
from ..models.codes import codes_of
from ..models.device import has_gpu
from ..models.generator import NOISE_CHANNELS
from ..models.maps import LabelMaps
from . import losses, penalties
from .average import follow
from .criticism import Criticism, Turns
from .networks import Networks
from .pairs import Pairs

#: Independent random streams of one step, beside those of `criticism`.
_CRITIC_STREAM, _GENERATOR_STREAM, _COTRAIN_STREAM = 0, 1000, 1500
_STREAMS_PER_STEP = 3000
#: Images that are sampled at once at most, and batches of one sample.
_SAMPLED, _BATCHES_PER_SAMPLE = 256, 2**20


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
        self.intensity = intensity
        self.maps = maps
        self.auxiliary = auxiliary
        self.camera = camera
        self.adopt(networks)

    def adopt(self, networks: Networks) -> None:
        """Update these networks from now on, by steps that are compiled for them."""
        self.networks, self.growth = networks, networks.growth
        cells = self.growth.cells if self.growth.level else self.maps.mask
        side = self.growth.side() if self.growth.level else self.maps.side
        self.mask = tf.reshape(tf.constant(cells), (1, side, side, 1))
        self.criticism = Criticism(self.config, networks, self.maps)
        self.pairs = Pairs(self.config.loss, networks, self.maps)
        self.critic_step = self._compiled(self._critic_step)
        self.generator_step = self._compiled(self._generator_step)
        self.joint_step = self._compiled(self._joint_step)
        self.cotrain_step = self._compiled(self._cotrain_step)
        # Samples are of many sizes; without a signature each of the first would be traced anew.
        any_size = tf.TensorSpec((None, self.maps.n_labels), tf.float32)
        self._sample = self._compiled(self._sampled_pixels, any_size, tf.TensorSpec((), tf.int64))

    def _compiled(self, function: Callable, *signature: tf.TensorSpec) -> Callable:
        is_jit = uses_xla(self.config.training.jit)
        return tf.function(
            function,
            input_signature=signature or None,
            autograph=False,
            jit_compile=is_jit or None,
            reduce_retracing=True,
        )

    def real_images(self, pixels):
        """Pixel vectors (B, n_pixels, c) in p.e./ns to images in network units."""
        return self.growth.reduced(grid.images(self.intensity.encode(pixels), self.camera))

    def generate(self, labels, stream):
        """Images of encoded labels (B, n_labels), from the random stream of that number."""
        return self._generate(labels, stream)[0]

    def _generate(self, labels, stream) -> list:
        """Images, and those of the newest layers alone; the same unless these fade in."""
        images = self._images(self.networks.generator, labels, stream, training=True)
        images = [image * self.mask for image in images]
        return [images[0], images[-1]]

    def _images(self, generator, labels, stream, training: bool) -> list:
        latent, noise = random_inputs(self.config.seed, stream, tf.shape(labels)[0], generator)
        inputs = [latent, *self.maps(labels), noise, *self.intensity.pedestals(noise)]
        images = generator(inputs, training=training)
        return images if self.growth.fading else [images]

    def _codes(self, labels, stream):
        """Codes (B, n_codes) of the images that `generate` makes, if there are any."""
        config = self.config.generator.codes
        if config is None:
            return None
        n, generator = tf.shape(labels)[0], self.networks.generator
        latent, _ = random_inputs(self.config.seed, stream, n, generator)
        return codes_of(latent, config)

    def _critic_step(self, step, part, pixels, labels, turns: Turns, shown=None):
        """Update the critic alone on one batch; returns its losses by name.

        ``shown`` are the labels the critic sees, if not those of the images.
        """
        shown = labels if shown is None else shown
        stream = step * _STREAMS_PER_STEP + part
        real = self.pairs.shown(self.real_images(pixels))
        fake = self.generate(labels, stream + _CRITIC_STREAM)
        codes = self._codes(labels, stream + _CRITIC_STREAM)
        gradients, _, values = self.criticism.gradients(
            real, fake, shown, shown, stream, turns, codes
        )
        self._update_critic(*self._unscaled(gradients))
        return values

    def _generator_step(self, step, pixels, labels, pair_weight):
        """Warm-up: update the generator and its average without critic; returns losses by name."""
        generated_labels = self._generated_labels(labels)
        real = self.real_images(pixels)
        with tf.GradientTape() as tape:
            made = self._generate_for_update(step, generated_labels)
            data = real, made, labels, generated_labels
            total, values = self._own_losses(*data, pair_weight, is_warmup=True)
            total *= self.networks.loss_scale
        variables = self.networks.generator.trainable_variables
        self._update_generator(step, *self._unscaled(tape.gradient(total, variables)))
        return values

    def _joint_step(self, step, part, pixels, labels, pair_weight, turns: Turns, shown=None):
        """Update critic and generator on the same generated images; returns losses by name.

        One pass through each network serves both, which saves a fourth of two separate steps.
        """
        shown = labels if shown is None else shown
        generated_labels = self._generated_labels(labels)
        real = self.real_images(pixels)
        with tf.GradientTape() as tape:
            fake, _ = made = self._generate_for_update(step, generated_labels)
            data = real, made, labels, generated_labels
            own, values = self._own_losses(*data, pair_weight)
            own *= self.networks.loss_scale
        stream = step * _STREAMS_PER_STEP + part
        critic_gradients, push, scores = self.criticism.gradients(
            self.pairs.shown(real),
            fake,
            shown,
            self._generated_labels(shown),
            stream,
            turns,
            self._codes(generated_labels, step * _STREAMS_PER_STEP + _GENERATOR_STREAM),
        )
        variables = self.networks.generator.trainable_variables
        gradients = tape.gradient([fake, own], variables, output_gradients=[push, tf.ones(())])
        critic_gradients, gradients = self._unscaled(critic_gradients, gradients)
        self._update_critic(critic_gradients)
        self._update_generator(step, gradients)
        norms = {"critic_gradient": critic_gradients, "generator_gradient": gradients}
        return values | scores | {name: _norm(group) for name, group in norms.items()}

    def _cotrain_step(self, step, pixels, labels):
        """Let the auxiliary learn from simulated and generated images of the same labels."""
        fake = self.generate(labels, step * _STREAMS_PER_STEP + _COTRAIN_STREAM)
        return self.networks.cotraining.update(self.real_images(pixels), fake, labels)

    def _generated_labels(self, labels):
        """Labels (B, n_labels) to generate: with pair loss, two images for each of a half."""
        if not self.config.warmup.uses_pairs:
            return labels
        return tf.tile(labels[: (tf.shape(labels)[0] + 1) // 2], [2, 1])

    def _generate_for_update(self, step, labels):
        return self._generate(labels, step * _STREAMS_PER_STEP + _GENERATOR_STREAM)

    def _own_losses(self, real, made: list, real_labels, labels, pair_weight, is_warmup=False):
        """Losses of the generator that need no critic, weighted and summed, and by name."""
        values, total = {}, tf.zeros(())
        if self.config.loss.excess:
            excess = losses.excess_penalty(made[0], self.intensity.reach)
            total += self.config.loss.excess * excess
        if self.config.warmup.uses_pairs:
            scored, values = self.pairs.score(real, made, labels, pair_weight, is_warmup)
            total += scored
        if self.auxiliary and self.growth.is_over:  # it knows images of the camera alone
            values["auxiliary"] = self.auxiliary(made[0], labels, real, real_labels)
            total += values["auxiliary"]
        return total, values

    def _update_critic(self, gradients) -> None:
        variables = self.networks.critic.trainable_variables
        # Label heads have no gradient where it is not their turn.
        pairs = zip(gradients, variables, strict=True)
        moved = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        self.networks.critic_optimizer.apply_gradients(moved)
        if self.config.loss.regularizer == "clip":
            penalties.clip_weights(variables, self.config.loss.clip)

    def _update_generator(self, step, gradients) -> None:
        variables = self.networks.generator.trainable_variables
        optimizer = self.networks.generator_optimizer
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self._update_average(step)

    def _unscaled(self, *groups: list) -> list[list]:
        scale = self.networks.scale
        return scale.unscaled(*groups) if scale else list(groups)

    def _update_average(self, step):
        nets = self.networks
        follow(nets.averaged, nets.generator, self.config.training.ema, step - nets.level_start)

    def sample(self, labels, number: int = 0):
        """Pixel vectors (n, n_pixels, c) in p.e./ns from the averaged generator.

        Parameters
        ----------
        labels : ndarray (n, n_labels)
            Encoded. They are taken in batches that `memory` bounds.
        number : int
            Samples of different numbers have random numbers of their own.
        """
        size = images_per_batch(self.networks.averaged, _SAMPLED)
        parts = [labels[start : start + size] for start in range(0, len(labels), size)]
        streams = number * _BATCHES_PER_SAMPLE + np.arange(len(parts))
        images = [
            self._sample(tf.convert_to_tensor(part), tf.constant(stream, tf.int64)).numpy()
            for part, stream in zip(parts, streams, strict=True)
        ]
        return np.concatenate(images)

    def _sampled_pixels(self, labels, stream):
        # Negative streams are those of no training step.
        image, *_ = self._images(self.networks.averaged, labels, -1 - 2 * stream, training=False)
        pixels = grid.pixels(self.growth.enlarged(image), self.camera)
        if self.config.generator.keeps_times:
            return self.intensity.decode(pixels)
        key = tf.stack([tf.constant(self.config.seed, tf.int64), -2 - 2 * stream])
        uniform = tf.random.stateless_uniform(tf.shape(pixels)[:2], key)
        return self.intensity.decode(pixels, uniform)


def uses_xla(wanted: bool | str) -> bool:
    """Whether steps are compiled with XLA, if ``training.jit`` is this."""
    return has_gpu() if wanted == "auto" else bool(wanted)


def _norm(gradients: list):
    """Of all gradients of a network together, before they are clipped."""
    return tf.linalg.global_norm([g for g in gradients if g is not None])


def random_inputs(seed: int, stream, n, generator: keras.Model):
    """Latents (n, latent) and pixel noise (n, side, side, NOISE_CHANNELS) of a random stream."""
    latent_size, side = generator.inputs[0].shape[-1], generator.inputs[3].shape[1]
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(stream, tf.int64)])
    flat = latent_size + side * side * NOISE_CHANNELS
    numbers = tf.random.stateless_normal((n, flat), key)
    latent, noise = numbers[:, :latent_size], numbers[:, latent_size:]
    return latent, tf.reshape(noise, (-1, side, side, NOISE_CHANNELS))
