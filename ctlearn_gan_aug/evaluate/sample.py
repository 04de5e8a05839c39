"""What is judged: images with the labels they have or were requested with."""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from ..camera import Camera


@dataclass(frozen=True)
class Sample:
    """Camera images and their labels, simulated, generated or read from any DL1 file.

    Attributes
    ----------
    pixels : ndarray float32 (n, n_pixels, n_channels)
        p.e. for ``image``, ns for ``peak_time``.
    labels : astropy.table.Table (n rows)
        Event label table.
    camera : Camera
        The telescope's camera.
    channels : tuple of str
        Names of the channels.
    """

    pixels: np.ndarray
    labels: Table
    camera: Camera
    channels: tuple[str, ...]

    @classmethod
    def of(cls, events) -> "Sample":
        """The images and labels of `data.events.Events`."""
        return cls(events.pixels, events.labels, events.camera, tuple(events.channels))

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, index) -> "Sample":
        """Images at ``index`` (slice, integer or boolean array)."""
        return Sample(self.pixels[index], self.labels[index], self.camera, self.channels)

    def halves(self, seed: int) -> tuple["Sample", "Sample"]:
        """Split at random into two samples of equal size; an odd image is left out."""
        order = np.random.default_rng(seed).permutation(len(self))
        half = len(self) // 2
        return self.select(np.sort(order[:half])), self.select(np.sort(order[half : 2 * half]))

    def with_pixels(self, pixels: np.ndarray) -> "Sample":
        """Other images of the same labels."""
        return Sample(pixels, self.labels, self.camera, self.channels)

    @property
    def charge(self) -> np.ndarray:
        """Charges (n, n_pixels) in p.e."""
        return self.pixels[..., self.channels.index("image")]

    @property
    def peak_time(self) -> np.ndarray | None:
        """Peak times (n, n_pixels) in ns, or None without that channel."""
        if "peak_time" not in self.channels:
            return None
        return self.pixels[..., self.channels.index("peak_time")]
