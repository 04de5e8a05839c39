"""Images after a refiner, simulated or generated ones, on any Keras backend."""

import keras
import numpy as np
from keras import ops

from ..memory import images_per_batch
from ..models import grid
from ..models.device import has_gpu
from ..refiner import Refiner
from .generate import NumberedImages
from .streams import REFINER, draw_each


class ImageRefiner:
    """Refines camera images.

    An image depends on what it was, on the seed and on its number alone. Random numbers are
    NumPy's, the same on every backend.

    Parameters
    ----------
    refiner : Refiner
        From `load_refiner`.
    seed : int
        Of the noise.
    batch_size : int
        Images per call of the network at most; `memory` bounds them, too.
    """

    def __init__(self, refiner: Refiner, seed: int = 0, batch_size: int = 256):
        self.refiner = refiner
        self.seed = seed
        self._network = _Refined(refiner)
        self.batch_size = images_per_batch(refiner.translator, batch_size)

    def __call__(self, pixels: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Refined images.

        Parameters
        ----------
        pixels : ndarray float32 (n, n_pixels, n_channels)
            p.e. and ns.
        numbers : ndarray of int64 (n,)
            Numbers of the images, not negative; each has random numbers of its own.

        Returns
        -------
        ndarray float32 (n, n_pixels, n_channels)
            p.e. and ns.
        """
        n, size = len(pixels), min(self.batch_size, len(pixels))
        refined = np.empty(pixels.shape, np.float32)
        for start in range(0, n, max(size, 1)):
            # Parts of one size, of which the last overlaps: for another size JAX compiles anew.
            part = slice(min(start, n - size), min(start, n - size) + size)
            noise, uniform = self._random(numbers[part])
            given = np.asarray(pixels[part], np.float32)
            refined[part] = self._network.predict_on_batch([given, noise, uniform])
        return refined

    def _random(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Normal noise of every cell and a U(0, 1) number for every pixel, from one stream each."""
        noise = np.empty((len(numbers), *self._network.noise_shape), np.float32)
        uniform = np.empty((len(numbers), self.refiner.camera.n_pixels), np.float32)

        def draw(i: int, stream: np.random.Generator) -> None:
            stream.standard_normal(out=noise[i], dtype=np.float32)
            stream.random(out=uniform[i], dtype=np.float32)

        draw_each(self.seed, numbers, draw, REFINER)
        return noise, uniform


class RefinedSampler(NumberedImages):
    """Generated images after a refiner.

    Parameters
    ----------
    sampler : NumberedImages
        Generates them.
    refiner : Refiner
        From `load_refiner`.

    Raises
    ------
    UserError
        If camera, channels or cleaning of the two differ.
    """

    def __init__(self, sampler: NumberedImages, refiner: Refiner):
        bundle = sampler.bundle
        refiner.check_generator(bundle)
        self.bundle, self.seed, self.candidates = bundle, sampler.seed, sampler.candidates
        self.refiner_id = refiner.meta.refiner_id
        self._sampler = sampler
        self._refine = ImageRefiner(refiner, sampler.seed, sampler.batch_size)

    @property
    def acceptance(self) -> float:
        """Of the sampler."""
        return self._sampler.acceptance

    def images(
        self, numbers: np.ndarray, encoded: np.ndarray, latents: np.ndarray | None = None
    ) -> np.ndarray:
        """As `NumberedImages.images`; ``latents`` as in `Sampler.images`."""
        chosen = () if latents is None else (latents,)
        return self._refine(self._sampler.images(numbers, encoded, *chosen), numbers)


class _Refined(keras.Model):
    """From pixels to refined pixels, as one model for the backend to compile."""

    def __init__(self, refiner: Refiner):
        super().__init__(name="refined", dtype="float32")
        if keras.backend.backend() == "tensorflow" and not has_gpu():
            self.jit_compile = False  # XLA's convolutions are the slower ones on processors
        self.network = refiner.translator
        self._intensity, self._camera = refiner.intensity, refiner.camera
        self.noise_shape = tuple(self.network.inputs[1].shape[1:])

    def call(self, inputs):
        """Pixel vectors (B, n_pixels, n_channels) in p.e. and ns.

        Parameters
        ----------
        inputs : list of tensor
            Pixels (B, n_pixels, n_channels) in p.e. and ns, normal noise (B, side, side, k) and
            U(0, 1) numbers (B, n_pixels).
        """
        pixels, noise, uniform = inputs
        camera = self._camera
        image = grid.images(self._intensity.encode(pixels), camera)
        mask = ops.zeros_like(image[..., :1]) + camera.mask[..., None]
        image = self.network([image, noise, mask], training=False)
        return self._intensity.decode(grid.pixels(image, camera), uniform)
