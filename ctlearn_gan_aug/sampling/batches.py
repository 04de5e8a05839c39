"""Batches of generated images with their labels, as NumPy arrays: what other libraries build on."""

import numpy as np

from ..bundle import Bundle
from ..config.region import Region
from .generate import Sampler
from .regions import sample_labels


class GeneratedBatches:
    """Endless batches of a region's images, each a function of the seed and its number alone.

    Parameters
    ----------
    bundle : Bundle
        The generator.
    batch_size : int
        Images in a batch.
    region : Region, optional
        Where in label space; the whole training domain by default.
    seed : int
        Of labels and images.
    extrapolate : bool
        Allow a region that leaves the training domain.

    Examples
    --------
    >>> batches = GeneratedBatches(load_bundle("runs/gamma/bundle"), 64)
    >>> images, labels = batches[0]
    >>> labels["log_true_energy"].shape
    (64,)
    """

    def __init__(
        self,
        bundle: Bundle,
        batch_size: int,
        region: Region | None = None,
        seed: int = 0,
        extrapolate: bool = False,
    ):
        self.bundle = bundle
        self.batch_size = batch_size
        self.region = region or Region()
        self.seed = seed
        self.extrapolate = extrapolate
        self._sampler = Sampler(bundle, seed, batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Batch ``number``, counted from 0.

        Returns
        -------
        (ndarray float32 (batch_size, n_pixels, n_channels), dict of str to ndarray (batch_size,))
            Pixels in p.e. and ns, and the numbers of the event label table by column, float32.

        Raises
        ------
        UserError
            If the region leaves the training domain, or is empty.
        """
        rng = np.random.default_rng([self.seed, number])
        table = sample_labels(
            self.bundle, self.region, self.batch_size, rng, extrapolate=self.extrapolate
        )
        numbers = number * self.batch_size + np.arange(self.batch_size)
        images = self._sampler.images(numbers, self.bundle.labels.encode(table))
        columns = (name for name in table.colnames if table[name].dtype.kind == "f")
        return images, {name: np.asarray(table[name], np.float32) for name in columns}
