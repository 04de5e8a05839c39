"""Generated images with their labels, as NumPy arrays: what other libraries build on."""

from functools import lru_cache

import numpy as np
from astropy.table import Table, vstack

from ..bundle import Bundle
from ..config.region import Region
from ..refiner import Refiner
from .choice import new_sampler
from .regions import sample_labels

#: Label rows drawn at once: whatever their number, coordinate transforms take a third of a second.
_POOL_SIZE = 4096


class GeneratedEvents:
    """An endless sequence of a region's images, each a function of the seed and its number.

    Parameters
    ----------
    bundle : Bundle
        The generator.
    region : Region, optional
        Where in label space; the whole training domain by default.
    seed : int
        Of labels and images.
    extrapolate : bool
        Allow a region that leaves the training domain.
    batch_size : int
        Images per call of the network at most.
    candidates : int
        Images that the bundle's critic chooses each one from.
    refiner : Refiner, optional
        What images go through, from `load_refiner`.
    """

    def __init__(
        self,
        bundle: Bundle,
        region: Region | None = None,
        seed: int = 0,
        extrapolate: bool = False,
        batch_size: int = 256,
        candidates: int = 1,
        refiner: Refiner | None = None,
    ):
        self.bundle = bundle
        self.region = region or Region()
        self.seed = seed
        self.extrapolate = extrapolate
        self._sampler = new_sampler(bundle, seed, batch_size, candidates, refiner)
        self._pool = lru_cache(maxsize=2)(self._draw_pool)

    def take(self, first: int, n: int) -> tuple[np.ndarray, Table]:
        """Images ``first`` to ``first + n - 1``.

        Returns
        -------
        (ndarray float32 (n, n_pixels, n_channels), astropy.table.Table (n rows))
            Pixels in p.e. and ns, and their event label table.

        Raises
        ------
        UserError
            If the region leaves the training domain, or is empty.
        """
        labels = self._labels(first, n)
        numbers = first + np.arange(n, dtype=np.int64)
        return self._sampler.images(numbers, self.bundle.labels.encode(labels)), labels

    def _labels(self, first: int, n: int) -> Table:
        start = first % _POOL_SIZE
        parts = [self._pool(first // _POOL_SIZE)[start : start + n]]
        while (missing := n - sum(map(len, parts))) > 0:
            parts.append(self._pool(first // _POOL_SIZE + len(parts))[:missing])
        return vstack(parts, metadata_conflicts="silent") if len(parts) > 1 else parts[0]

    def _draw_pool(self, number: int) -> Table:
        rng = np.random.default_rng([self.seed, number])
        return sample_labels(
            self.bundle, self.region, _POOL_SIZE, rng, extrapolate=self.extrapolate
        )


class GeneratedBatches:
    """Endless batches of a region's images, each a function of the seed and its number alone.

    Parameters
    ----------
    bundle : Bundle
        The generator.
    batch_size : int
        Images in a batch.
    region, seed, extrapolate, refiner
        See `GeneratedEvents`.

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
        refiner: Refiner | None = None,
    ):
        self.batch_size = batch_size
        options = {"batch_size": batch_size, "refiner": refiner}
        self._events = GeneratedEvents(bundle, region, seed, extrapolate, **options)

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
        images, table = self._events.take(number * self.batch_size, self.batch_size)
        columns = (name for name in table.colnames if table[name].dtype.kind == "f")
        return images, {name: np.asarray(table[name], np.float32) for name in columns}
