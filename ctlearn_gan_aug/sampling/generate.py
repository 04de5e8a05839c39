"""Seeded generation of pixel vectors from labels, on any Keras backend."""

import math
from abc import ABC, abstractmethod

import keras
import numpy as np
from keras import ops

from ..bundle import Bundle
from ..memory import images_per_batch
from ..models import grid
from ..models.device import has_gpu
from ..models.fold import folded, used_inputs
from ..models.precision import best_precision
from .streams import draw_each


class NumberedImages(ABC):
    """Images by number and labels; `generate` counts them.

    Attributes
    ----------
    bundle : Bundle
        Encodes the labels.
    seed : int
        Of all random numbers.
    n_generated : int
        Number of the next image.
    candidates : int
        Images that one is chosen from.
    acceptance : float
        The part of them that counts in the choice.
    refiner_id : str or None
        Name of the refiner that images have gone through.
    """

    bundle: Bundle
    seed: int
    n_generated: int = 0
    candidates: int = 1
    acceptance: float = 1.0
    refiner_id: str | None = None

    @abstractmethod
    def images(self, numbers: np.ndarray, encoded: np.ndarray) -> np.ndarray:
        """Images of given numbers, the same whenever and wherever they are made.

        Parameters
        ----------
        numbers : ndarray of int64 (n,)
            Numbers of the images, not negative.
        encoded : ndarray float32 (n, n_labels)
            Labels from `LabelSet.encode`.

        Returns
        -------
        ndarray float32 (n, n_pixels, n_channels)
            p.e. and ns.
        """

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
        numbers = self.n_generated + np.arange(len(encoded), dtype=np.int64)
        self.n_generated += len(encoded)
        return self.images(numbers, encoded)


class Sampler(NumberedImages):
    """Generates camera images of a bundle.

    Image number i of a sampler depends on the seed, on i and on its labels alone, not on how the
    events are split into calls of `generate`. Random numbers are NumPy's, the
    same on every backend.

    Parameters
    ----------
    bundle : Bundle
        The generator.
    seed : int
        Of latents and pixel noise.
    batch_size : int
        Images per call of the network at most; `memory` bounds them, too.
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
        self._pixels = _Pixels(bundle, precision or best_precision(bundle.generator))
        self.batch_size = images_per_batch(self._pixels.network, batch_size)

    def images(
        self, numbers: np.ndarray, encoded: np.ndarray, latents: np.ndarray | None = None
    ) -> np.ndarray:
        """As `NumberedImages.images`.

        ``latents`` (n, k) are the first entries of the latent vectors; drawn where they are NaN.
        """
        n, size = len(encoded), min(self.batch_size, len(encoded))
        pixels = np.empty((n, *self._pixels.shape), np.float32)
        for start in range(0, n, max(size, 1)):
            # Parts of one size, of which the last overlaps: for another size JAX compiles anew.
            part = slice(min(start, n - size), min(start, n - size) + size)
            normal, uniform = self._random(numbers[part])
            if latents is not None:
                first = normal[:, : latents.shape[1]]
                np.copyto(first, latents[part], where=np.isfinite(latents[part]))
            pixels[part] = self._pixels.predict_on_batch([normal, uniform, encoded[part]])
        return pixels

    def _random(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One independent stream per image, so that an image does not depend on its batch."""
        normal = np.empty((len(numbers), self._pixels.n_normal), np.float32)
        uniform = np.empty((len(numbers), self._pixels.n_uniform), np.float32)

        def draw(i: int, stream: np.random.Generator) -> None:
            stream.standard_normal(out=normal[i], dtype=np.float32)
            stream.random(out=uniform[i], dtype=np.float32)

        draw_each(self.seed, numbers, draw)
        return normal, uniform


class _Pixels(keras.Model):
    """From random numbers and labels to pixels, as one model for the backend to compile.

    Parameters
    ----------
    bundle : Bundle
        The generator.
    precision : str
        Of wide layers.
    """

    def __init__(self, bundle: Bundle, precision: str):
        super().__init__(name="pixels", dtype="float32")
        if keras.backend.backend() == "tensorflow" and not has_gpu():
            self.jit_compile = False  # XLA's convolutions are the slower ones on processors
        self.network = folded(bundle.generator, precision)
        self._bundle = bundle
        latent, _, _, noise, *_ = self.network.inputs
        self._n_latent, self._noise_shape = latent.shape[-1], tuple(noise.shape[1:])
        # Noise that the network has no use for takes longer to draw than all the rest.
        used = used_inputs(bundle.generator)
        self._has_noise = any(name == "noise" or name.startswith("pedestal") for name in used)
        self._draws_times = bundle.intensity.has_time and not bundle.meta.generator.keeps_times

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels and channels of an image."""
        return self._bundle.camera.n_pixels, len(self._bundle.meta.channels)

    @property
    def n_normal(self) -> int:
        """Normal numbers per image."""
        return self._n_latent + (math.prod(self._noise_shape) if self._has_noise else 0)

    @property
    def n_uniform(self) -> int:
        """U(0, 1) numbers per image."""
        return self._bundle.camera.n_pixels if self._draws_times else 0

    def call(self, inputs):
        """Pixel vectors (B, n_pixels, n_channels) in p.e. and ns.

        Parameters
        ----------
        inputs : list of tensor
            Normal numbers (B, n_normal), U(0, 1) numbers (B, n_uniform), labels (B, n_labels).
        """
        normal, uniform, encoded = inputs
        intensity, camera = self._bundle.intensity, self._bundle.camera
        noise = self._noise(normal)
        told = [normal[:, : self._n_latent], *self._bundle.maps(encoded), noise]
        image = self.network([*told, *intensity.pedestals(noise)], training=False)
        return intensity.decode(grid.pixels(image, camera), uniform if self._draws_times else None)

    def _noise(self, normal):
        shape = (ops.shape(normal)[0], *self._noise_shape)
        if not self._has_noise:
            return ops.zeros(shape)
        return ops.reshape(normal[:, self._n_latent :], shape)
