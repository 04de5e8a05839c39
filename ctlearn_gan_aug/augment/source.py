"""Whole epochs of generated images, every region with its share."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .stream import Images, RegionStream, Tally


@dataclass
class SyntheticSource:
    """Generated images for whole epochs, shared among regions.

    Attributes
    ----------
    streams : list of RegionStream
        One per region.
    tallies : dict of int to list of Tally
        Per completely read epoch, one per region.
    """

    streams: list[RegionStream]
    tallies: dict[int, list[Tally]] = field(default_factory=dict)

    def epoch(self, epoch: int, n_batches: int, per_batch: int) -> Iterator[Images]:
        """Yield ``n_batches`` sets of exactly ``per_batch`` images."""
        tallies = [Tally() for _ in self.streams]
        shares = np.array([stream.region.share for stream in self.streams])
        mixed = np.zeros(len(shares), dtype=int)
        buffers = [
            _Buffer(stream.chunks(epoch, tally))
            for stream, tally in zip(self.streams, tallies, strict=True)
        ]
        for batch in range(1, n_batches + 1):
            counts = next_counts(shares, mixed, per_batch)
            mixed += counts
            parts = [b.take(n) for b, n in zip(buffers, counts, strict=True) if n]
            for tally, count in zip(tallies, counts, strict=True):
                tally.mixed += int(count)
            if batch == n_batches:  # an abandoned iterator never gets here
                self.tallies[epoch] = tallies
            yield Images.join(parts)

    def probe(self) -> list[Tally]:
        """Generate a little in every region, so that errors show before the training starts."""
        tallies = [Tally() for _ in self.streams]
        for stream, tally in zip(self.streams, tallies, strict=True):
            next(stream.chunks(0, tally))
        return tallies


def next_counts(shares: np.ndarray, mixed: np.ndarray, count: int) -> np.ndarray:
    """How many of the next ``count`` images each region gives, after the ``mixed`` ones.

    Every image goes to the region furthest behind its share, so over any stretch the numbers
    follow the shares to about one image.
    """
    counts = np.zeros_like(mixed)
    for number in range(1, count + 1):
        behind = shares * (mixed.sum() + number) - (mixed + counts)
        counts[np.argmax(behind)] += 1
    return counts


class _Buffer:
    """Hands out images of a stream in any number."""

    def __init__(self, chunks: Iterator[Images]):
        self._chunks = chunks
        self._rest: Images | None = None

    def take(self, count: int) -> Images:
        parts, missing = [], count
        while missing:
            chunk = next(self._chunks) if self._rest is None else self._rest
            parts.append(chunk.take(slice(0, missing)))
            self._rest = chunk.take(slice(missing, None)) if len(chunk) > missing else None
            missing -= len(parts[-1])
        return Images.join(parts)
