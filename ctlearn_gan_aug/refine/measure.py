"""How far refined images are from the target, in the parameters of held-out images."""

from collections.abc import Callable

import numpy as np

from ..data.events import Events
from ..dl1.cleaning import CleaningSettings
from ..training.diversity import mean_w1
from ..training.snapshots import image_parameters

#: Events of each domain that are looked at, and below which a distance would say nothing.
MAX_EVENTS, MIN_EVENTS = 2000, 100


class Distance:
    """Mean Wasserstein-1 distance of image parameters from the target's.

    Parameters
    ----------
    source, target : Events
        Held out.
    others : Events
        More of the target, for the distance that two samples of it have.
    cleaning : CleaningSettings
        Of both.
    passes : callable, optional
        Which pixel vectors (n, n_pixels, c) count, an array of bool (n,).
    """

    def __init__(
        self,
        source: Events,
        target: Events,
        others: Events,
        cleaning: CleaningSettings,
        passes: Callable | None = None,
    ):
        self._camera, self._channels = source.camera, source.channels
        self._cleaning, self._passes = cleaning, passes
        self.pixels = source.sample(MAX_EVENTS).pixels[:]
        self._target = self._parameters(target.sample(MAX_EVENTS).pixels[:])
        self._sigma = np.nanstd(self._target, axis=0)
        #: That of the images as they are.
        self.before = self.of(self.pixels)
        #: That of as many images of the target.
        self.null = self.of(others.sample(len(self.pixels)).pixels[:])

    @staticmethod
    def suit(source: Events, target: Events) -> bool:
        """Whether there are events enough."""
        return min(len(source), len(target)) >= MIN_EVENTS

    def of(self, pixels: np.ndarray) -> float:
        """Distance in the target's standard deviations, of images (n, n_pixels, c)."""
        return mean_w1(self._target, self._parameters(pixels), self._sigma)

    def _parameters(self, pixels: np.ndarray) -> np.ndarray:
        if self._passes is not None:
            pixels = pixels[self._passes(pixels)]
        return image_parameters(pixels, self._channels, self._camera.geometry, self._cleaning)
