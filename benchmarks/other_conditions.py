"""The same DL1 events under a brighter night sky and through blurred optics, as another file."""

from pathlib import Path

import numpy as np

#: Images that show the noise.
_INSPECTED = 400


class OtherConditions:
    """Images as blurred optics and a brighter night sky would have shown them.

    Parameters
    ----------
    geometry : ctapipe.instrument.CameraGeometry
        The camera, of equal pixels.
    pedestal, noise : float
        Mean and standard deviation of pixels without signal, p.e.
    night_sky : float
        Of the other conditions, as a multiple of ``noise``.
    point_spread : float
        Blur per axis in units of the distance between neighbouring pixels.
    seed : int
        Of the noise.
    """

    def __init__(self, geometry, pedestal, noise, night_sky=1.6, point_spread=0.6, seed=0):
        x, y = geometry.pix_x.value, geometry.pix_y.value
        squared = (x - x[:, None]) ** 2 + (y - y[:, None]) ** 2
        pitch = np.sqrt(np.min(squared[squared > 0]))
        kernel = np.exp(-0.5 * squared / (point_spread * pitch) ** 2)
        self._kernel = kernel / kernel.sum(axis=1, keepdims=True)  # light is spread, none is lost
        left = np.median(np.square(self._kernel).sum(axis=0))  # of the variance, after blurring
        self._pedestal = pedestal
        self._added = noise * np.sqrt(night_sky**2 - left)
        self._random = np.random.default_rng(seed)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Other pixel vectors (n, n_pixels, 2) in p.e. and ns."""
        charges, times = np.moveaxis(pixels.astype(float), -1, 0)
        light = np.clip(charges, 1e-3, None)
        arrival = (light * times) @ self._kernel / (light @ self._kernel)
        blurred = charges @ self._kernel
        added = self._random.normal(0.0, self._added, blurred.shape)
        # Where the sky outshines the shower, a pixel peaks when that of another event does.
        outshone = 2 * np.abs(added) > blurred - self._pedestal
        arrival = np.where(outshone, np.roll(times, 1, axis=0), arrival)
        return np.stack([blurred + added, arrival], axis=-1).astype(np.float32)


def write_under_other_conditions(source: Path, target: Path, seed: int) -> None:
    """Write a DL1 file of one telescope type with its images under `OtherConditions`."""
    from ctlearn_gan_aug.data.events import read_events
    from ctlearn_gan_aug.dl1.header import ProductInfo
    from ctlearn_gan_aug.dl1.replace import Replacement
    from ctlearn_gan_aug.files import atomic_file
    from ctlearn_gan_aug.training.reading import files_cleaning

    events = read_events([source])
    subarray = events.camera.subarray
    # Half of a camera holds no shower: the spread of the lower half of charges is the noise.
    charges = events.sample(_INSPECTED).pixels[..., 0]
    lower, middle = np.quantile(charges, [0.159, 0.5])
    make = OtherConditions(events.camera.geometry, middle, middle - lower, seed=seed)
    product = ProductInfo("benchmark", "Images under other conditions", "OtherConditions")
    replacement = Replacement(
        subarray, list(subarray.tel_ids), ["image", "peak_time"], make, files_cleaning(events)
    )
    with atomic_file(target) as part:
        replacement.copy(source, part, product)
