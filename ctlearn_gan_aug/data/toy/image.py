"""From photo-electrons to camera images: pixels, trigger, night-sky noise, charge and time."""

from dataclasses import dataclass

import numpy as np

from . import telescope as tel
from .light import PhotoElectrons
from .telescope import ToyCamera

SINGLE_PE_SPREAD = 0.4  # relative spread of the charge of one photo-electron
# The charge of a pixel without light is the highest of the night sky's peaks in the window, so
# it follows the distribution of extremes: always positive, with a tail upwards.
NOISE_MODE = 0.92  # p.e.
NOISE_SCALE = 0.62  # p.e.
PEDESTAL_SPREAD = 0.7  # p.e., of the night sky under a light pulse
PULSE_RESOLUTION = 0.6  # ns, of the time of a one p.e. pulse

TRIGGER_RADIUS = 0.38  # m; the outer ring of the camera, 0.4 deg wide, does not trigger
TRIGGER_TIME = 14.0  # ns in the window
TRIGGER_JITTER = 0.7  # ns


@dataclass(frozen=True)
class CameraLight:
    """Cherenkov light in the pixels, before noise.

    Attributes
    ----------
    photo_electrons : ndarray int32 (n_events, n_pixels)
        True number.
    charge : ndarray float32 (n_events, n_pixels)
        With the photosensors' gain spread, p.e.
    time : ndarray float32 (n_events, n_pixels)
        Mean arrival time, ns; 0 where there is no light.
    """

    photo_electrons: np.ndarray
    charge: np.ndarray
    time: np.ndarray

    def select(self, index) -> "CameraLight":
        """Images at ``index``."""
        return CameraLight(self.photo_electrons[index], self.charge[index], self.time[index])


def collect(
    light: list[PhotoElectrons], row: np.ndarray, n_rows: int, camera: ToyCamera, rng
) -> CameraLight:
    """Sum photo-electrons into the pixels.

    Parameters
    ----------
    light : list of PhotoElectrons
    row : ndarray int (n_primaries,)
        Row of each primary's image.
    n_rows : int
        Number of images.
    camera : ToyCamera
        Its pixels.
    rng : numpy.random.Generator
    """
    size = n_rows * camera.n_pixels
    count, charge, moment = np.zeros(size), np.zeros(size), np.zeros(size)
    for part in light:
        pixel = camera.pixel_at(part.x, part.y)
        seen = pixel >= 0
        cell = row[part.event[seen]] * camera.n_pixels + pixel[seen]
        gain = rng.standard_normal(len(cell), dtype=np.float32)
        gain = np.maximum(1 + np.float32(SINGLE_PE_SPREAD) * gain, 0.05)
        weight = part.weight[seen]
        count += np.bincount(cell, weight, size)
        weight = weight * gain
        charge += np.bincount(cell, weight, size)
        moment += np.bincount(cell, weight * part.time[seen], size)
    time = np.divide(moment, charge, out=np.zeros(size), where=charge > 0)
    shape = (n_rows, camera.n_pixels)
    return CameraLight(
        np.rint(count).astype(np.int32).reshape(shape),
        charge.astype(np.float32).reshape(shape),
        time.astype(np.float32).reshape(shape),
    )


def triggered(charge: np.ndarray, camera: ToyCamera) -> np.ndarray:
    """Which images (n_events,) have a pixel and two of its neighbours above threshold."""
    above = (charge > camera.trigger) & (camera.radius < TRIGGER_RADIUS)
    fired = np.zeros(len(charge), dtype=bool)
    candidate = np.flatnonzero(above.sum(axis=1) >= 3)
    above = above[candidate]
    neighbors = above.astype(np.float32) @ camera.neighbors
    fired[candidate] = (above & (neighbors >= 2)).any(axis=1)
    return fired


def digitise(
    light: CameraLight, camera: ToyCamera, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Charge (p.e.) and peak time (ns), float32 (n_events, n_pixels), as read out.

    Every pixel reports its highest peak: that of the Cherenkov light, or of the night sky where
    that is higher.
    """
    shape = light.charge.shape
    # A 32-bit draw is exactly 0 once in some million pixels, and its logarithm infinite.
    noise = np.maximum(rng.standard_exponential(shape, dtype=np.float32), np.float32(1e-6))
    noise = np.float32(NOISE_MODE) - np.float32(NOISE_SCALE) * np.log(noise)
    noise *= np.float32(camera.night_sky)
    charge, time = noise, np.float32(tel.WINDOW) * rng.random(shape, dtype=np.float32)

    lit = np.flatnonzero(light.charge.ravel() > 0)
    signal = light.charge.ravel()[lit]
    arrival = light.time.ravel()[lit] + np.repeat(
        _time_shift(light, rng), np.count_nonzero(light.charge, axis=1)
    )
    pedestal = np.float32(PEDESTAL_SPREAD * camera.night_sky)
    pulse = signal + pedestal * rng.standard_normal(len(lit), dtype=np.float32)
    jitter = np.float32(PULSE_RESOLUTION) * rng.standard_normal(len(lit), dtype=np.float32)
    arrival += jitter / np.sqrt(np.maximum(signal, 0.3))
    wins = (pulse > charge.ravel()[lit]) & (arrival > 0) & (arrival < tel.WINDOW)
    charge.ravel()[lit[wins]] = pulse[wins]
    time.ravel()[lit[wins]] = arrival[wins]
    return charge, time


def _time_shift(light: CameraLight, rng: np.random.Generator) -> np.ndarray:
    """Shift (n_events,) in ns that puts the mean arrival of each image at the trigger's time."""
    mean = (light.charge * light.time).sum(axis=1) / light.charge.sum(axis=1)
    jitter = rng.normal(0, TRIGGER_JITTER, len(mean))
    return (TRIGGER_TIME + jitter - mean).astype(np.float32)
