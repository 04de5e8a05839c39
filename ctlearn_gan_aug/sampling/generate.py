"""Seeded generation of pixel vectors from labels."""

import math

import numpy as np
import tensorflow as tf

from ..bundle import Bundle
from ..models.fold import folded, used_inputs
from ..models.precision import best_precision


class Sampler:
    """Generates camera images of a bundle.

    Image number i of a sampler depends on the seed, on i and on its labels alone, not on how the
    events are split into calls of `generate`.

    Parameters
    ----------
    bundle : Bundle
        The generator.
    seed : int
        Of latents and pixel noise.
    batch_size : int
        Images per call of the network.
    precision : str, optional
        ``float32`` or ``bfloat16`` for the wide layers of the network. By default the faster one,
        which is bfloat16 for wide networks on machines that have it: images then differ by the
        rounding, about a percent of the charge, from those made on other machines.
    """

    def __init__(
        self, bundle: Bundle, seed: int = 0, batch_size: int = 256, precision: str | None = None
    ):
        self.bundle = bundle
        self.seed = seed
        self.batch_size = batch_size
        self.n_generated = 0
        self._generator = folded(bundle.generator, precision or best_precision(bundle.generator))
        # Noise that the network has no use for takes longer to draw than all the rest.
        used = used_inputs(bundle.generator)
        self._has_noise = any(name == "noise" or name.startswith("pedestal") for name in used)
        self._cells = tf.constant(bundle.camera.cell_of_pixel)
        n_labels = bundle.labels.size
        self._compiled = tf.function(
            self._pixels,
            input_signature=[
                tf.TensorSpec((None,), tf.int64),
                tf.TensorSpec((None, n_labels), tf.float32),
            ],
        )

    def generate(self, labels) -> np.ndarray:
        """Images of the next ``len(labels)`` events.

        Parameters
        ----------
        labels : astropy.table.Table (n rows)
            Event label table.

        Returns
        -------
        ndarray float32 (n, n_pixels, n_channels)
            p.e. and ns.
        """
        encoded = self.bundle.labels.encode(labels)
        camera, channels = self.bundle.camera, len(self.bundle.meta.channels)
        pixels = np.empty((len(encoded), camera.n_pixels, channels), np.float32)
        for start in range(0, len(encoded), self.batch_size):
            part = encoded[start : start + self.batch_size]
            numbers = self.n_generated + np.arange(len(part), dtype=np.int64)
            pixels[start : start + len(part)] = self._compiled(numbers, part).numpy()
            self.n_generated += len(part)
        return pixels

    def graph(self):
        """A function for use inside ``tf.data``: (step, encoded labels) -> pixel vectors.

        ``step`` (int64 scalar) numbers the batches of equal size B; ``encoded`` are labels
        (B, n_labels) from `LabelSet.encode`; the result is (B, n_pixels, n_channels) in p.e./ns.
        Batch ``step`` is the same whenever it is made.
        """

        def pixels(step, encoded):
            n = tf.shape(encoded, out_type=tf.int64)[0]
            return self._pixels(tf.cast(step, tf.int64) * n + tf.range(n), encoded)

        return pixels

    def _pixels(self, numbers, encoded):
        """Pixel vectors (B, n_pixels, n_channels) in p.e./ns, as a graph."""
        bundle = self.bundle
        latent, _, _, noise, *_ = self._generator.inputs
        latent_size, noise_shape = latent.shape[-1], tuple(noise.shape[1:])
        side = noise_shape[0]
        n_noise = math.prod(noise_shape) if self._has_noise else 0
        n_uniform = bundle.camera.n_pixels if bundle.intensity.has_time else 0
        normal, uniform = self._random(numbers, latent_size + n_noise, n_uniform)
        noise = tf.zeros((tf.shape(numbers)[0], *noise_shape))
        if self._has_noise:
            noise = tf.reshape(normal[:, latent_size:], (-1, *noise_shape))
        inputs = [normal[:, :latent_size], *bundle.maps(encoded), noise]
        inputs += bundle.intensity.pedestals(noise)
        image = self._generator(inputs, training=False)
        cells = tf.reshape(image, (-1, side * side, image.shape[-1]))
        return bundle.intensity.decode(tf.gather(cells, self._cells, axis=1), uniform)

    def _random(self, numbers, n_normal: int, n_uniform: int):
        """One independent stream per image, so that an image does not depend on its batch."""
        seed = tf.constant(self.seed, tf.int64)

        def one(number):
            normal = tf.random.stateless_normal((n_normal,), tf.stack([2 * seed, number]))
            uniform = tf.random.stateless_uniform((n_uniform,), tf.stack([2 * seed + 1, number]))
            return normal, uniform

        return tf.map_fn(one, numbers, fn_output_signature=(tf.float32, tf.float32))
