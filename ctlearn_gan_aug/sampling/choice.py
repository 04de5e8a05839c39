"""Images chosen among several by the bundle's critic, to be nearer to simulated ones than each."""

import numpy as np

from ..bundle import Bundle
from ..errors import UserError
from ..models.scoring import Scores
from ..refiner import Refiner
from .generate import NumberedImages, Sampler
from .refine import RefinedSampler
from .streams import CHOICE, draw_each

#: Most candidates for an image: their numbers then stay within 63 bits, as images' within 57.
MAX_CANDIDATES = 64


class ChoosingSampler(Sampler):
    """Generates several images for each label and keeps one.

    An image is kept with a probability that goes with the ratio of simulated to generated images'
    density, as the critic sees it: importance resampling, after discriminator rejection sampling
    (Azadi et al., arXiv 1810.06758). All candidates have the same labels, so the distribution of
    labels stays as it is, and every label has its image.

    Parameters
    ----------
    bundle : Bundle
        The generator; it holds its critic.
    candidates : int
        Images that one is chosen from; generating takes that many times as long.
    seed, batch_size, precision
        As of `Sampler`. Images depend on the number of candidates, too.

    Raises
    ------
    UserError
        If the bundle has no critic.
    """

    def __init__(
        self,
        bundle: Bundle,
        candidates: int,
        seed: int = 0,
        batch_size: int = 256,
        precision: str | None = None,
    ):
        if not 1 <= candidates <= MAX_CANDIDATES:
            raise UserError(
                f"{candidates} candidates for an image: choose among 1 to {MAX_CANDIDATES}."
            )
        super().__init__(bundle, seed, batch_size, precision)
        self.candidates = candidates
        self._scores = Scores(bundle.critic, bundle.maps, bundle.intensity, bundle.camera)
        self._effective, self._n_chosen = 0.0, 0

    @property
    def acceptance(self) -> float:
        """Part of the candidates that counted in the choices so far.

        1 where the critic finds all alike; one over their number where it knows one that it takes.
        """
        return self._effective / max(self._n_chosen * self.candidates, 1)

    def images(
        self, numbers: np.ndarray, encoded: np.ndarray, latents: np.ndarray | None = None
    ) -> np.ndarray:
        """As `Sampler.images`."""
        n, k = len(encoded), self.candidates
        every = (numbers[:, None] * k + np.arange(k)).reshape(-1)
        labels = np.repeat(encoded, k, axis=0)
        latents = None if latents is None else np.repeat(latents, k, axis=0)
        pixels = super().images(every, labels, latents)
        weights = self._weights(pixels, labels).reshape(n, k)
        self._effective += float((1.0 / np.square(weights).sum(axis=1)).sum())
        self._n_chosen += n
        chosen = (np.cumsum(weights, axis=1)[:, :-1] < self._chances(numbers)).sum(axis=1)
        return pixels.reshape(n, k, *pixels.shape[1:])[np.arange(n), chosen]

    def _weights(self, pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """How likely each candidate is to be chosen; those of an image add up to 1."""
        parts = range(0, len(pixels), self.batch_size)
        batches = [slice(start, start + self.batch_size) for start in parts]
        found = [self._scores.predict_on_batch([pixels[b], labels[b]]) for b in batches]
        log_ratio = self.bundle.meta.critic_slope * np.concatenate([*found, np.zeros(0)])
        log_ratio = log_ratio.reshape(-1, self.candidates)
        ratio = np.exp(log_ratio - log_ratio.max(axis=1, keepdims=True))
        return ratio / ratio.sum(axis=1, keepdims=True)

    def _chances(self, numbers: np.ndarray) -> np.ndarray:
        """U(0, 1) of every image (n, 1)."""
        chances = np.empty((len(numbers), 1))
        draw_each(self.seed, numbers, lambda i, stream: stream.random(out=chances[i]), CHOICE)
        return chances


def new_sampler(
    bundle: Bundle,
    seed: int = 0,
    batch_size: int = 256,
    candidates: int = 1,
    refiner: Refiner | None = None,
) -> NumberedImages:
    """A sampler that chooses among candidates, or a plain one for 1, with a refiner or without."""
    if candidates == 1:
        sampler = Sampler(bundle, seed, batch_size)
    else:
        sampler = ChoosingSampler(bundle, candidates, seed, batch_size)
    return RefinedSampler(sampler, refiner) if refiner else sampler
