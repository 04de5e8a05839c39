"""Night sky of other events, far from the showers of images that are met again and again."""

import numpy as np

from ..camera import Camera
from .rows import StoredRows

#: Rings of pixels about the cleaned ones that keep what they show: faint light of the shower.
_RINGS = 5
#: Areas of the camera whose night sky is of one event.
_AREAS = 16


class NightSky:
    """Exchanges night sky between the images of a batch.

    A thousand pixels without light are a thousand random numbers, by which a critic soon knows a
    few thousand images: it then tells them from all others, simulated or generated, and says
    nothing of showers any more. Night sky is independent of the shower, so that images with that of
    others are possible events, and there is no end of them. Each area of the camera takes that of
    another image, since neighbouring pixels may fluctuate together.

    Parameters
    ----------
    masks : ndarray or StoredRows, bool (n, n_pixels)
        Cleaned pixels of the events.
    camera : Camera
        Where its pixels are, and which are neighbours.
    seed : int
        Of the random numbers.
    """

    def __init__(self, masks: np.ndarray | StoredRows, camera: Camera, seed: int):
        self._masks, self._camera, self._seed = masks, camera, seed
        self._neighbors = camera.geometry.neighbor_matrix_sparse.astype(np.float32)

    def exchanged(self, pixels: np.ndarray, index: np.ndarray, batch: int) -> np.ndarray:
        """Images with night sky of others.

        Parameters
        ----------
        pixels : ndarray (B, n_pixels, c)
            Images of the events.
        index : ndarray of int (B,)
            Their numbers.
        batch : int
            Number of the batch; the same one gets the same night sky.
        """
        far, column = self._far(index), np.arange(pixels.shape[1])
        giver = self._givers(len(pixels), batch)
        is_given = far & far[giver, column]
        return np.where(is_given[..., None], pixels[giver, column], pixels)

    def _far(self, index: np.ndarray) -> np.ndarray:
        """Pixels (B, n_pixels) far from cleaned ones; none of images without, which hide light."""
        masks = self._masks[index]
        near = masks.T.astype(np.float32)
        for _ in range(_RINGS):
            near = (near + self._neighbors @ near > 0).astype(np.float32)
        return (near.T == 0) & masks.any(axis=1)[:, None]

    def _givers(self, n: int, batch: int) -> np.ndarray:
        """Of which image in the batch each pixel (n, n_pixels) is."""
        rng, place = np.random.default_rng([self._seed, batch]), self._camera.pixel_xy
        centres = place[rng.integers(0, len(place), _AREAS)]
        distances = np.linalg.norm(place[:, None] - centres, axis=2)
        shift = rng.integers(1, max(n, 2), _AREAS)[distances.argmin(axis=1)]
        return (np.arange(n)[:, None] + shift) % n
