"""A DL1 file with as many pixels per image as CTAO's large-sized telescope has, made in seconds."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table

from ctlearn_gan_aug.data.toy import telescope as tel
from ctlearn_gan_aug.data.toy.pixels import USUAL
from ctlearn_gan_aug.data.toy.simulate import CLEANING
from ctlearn_gan_aug.dl1.header import ProductInfo
from ctlearn_gan_aug.dl1.runs import Run
from ctlearn_gan_aug.dl1.skeleton import skeleton_from_subarray
from ctlearn_gan_aug.dl1.writer import DL1Writer

N_PIXELS = 1855
_CHUNK = 2000


def lst_like_subarray(n_pixels: int = N_PIXELS):
    """The toy telescope with another number of pixels, a `SubarrayDescription`."""
    return tel.toy_subarray(replace(USUAL, n_pixels=n_pixels))


def random_images(n: int, n_pixels: int, rng: np.random.Generator, geometry=None):
    """Night-sky noise with a bright blob, p.e. and ns, float32 as simulations are (n, n_pixels)."""
    charge = rng.normal(0, 1.5, (n, n_pixels)).astype(np.float32)
    center = rng.integers(n_pixels, size=n)
    x, y = geometry.pix_x.to_value("m"), geometry.pix_y.to_value("m")
    distance = np.hypot(x - x[center, None], y - y[center, None]) / USUAL.pitch
    size = rng.uniform(1, 3, (n, 1))
    charge += 10 ** rng.uniform(1, 2.5, (n, 1)) * np.exp(-((distance / size) ** 2))
    time = rng.uniform(0, 30, (n, n_pixels)).astype(np.float32)
    return charge.astype(np.float32), time


def write_lst_like(path: Path, n_events: int, n_pixels: int = N_PIXELS, seed: int = 0) -> Path:
    """Write ``n_events`` events of one telescope, compressed as ctapipe does."""
    rng = np.random.default_rng(seed)
    subarray = lst_like_subarray(n_pixels)
    geometry = subarray.tel[tel.TEL_ID].camera.geometry
    product = ProductInfo("benchmark", "random images for benchmarks", "Toy", {})
    with tempfile.TemporaryDirectory() as folder:
        skeleton = Path(folder) / "skeleton.h5"
        skeleton_from_subarray(subarray, skeleton)
        with DL1Writer(path, skeleton, cleaning=CLEANING, product=product) as writer:
            writer.add_run(benchmark_run())
            for first in range(0, n_events, _CHUNK):
                n = min(_CHUNK, n_events - first)
                writer.append(labels_of(first, n, rng), *random_images(n, n_pixels, rng, geometry))
    return path


def benchmark_run(obs_id: int = 1) -> Run:
    """The run of the random images."""
    return Run(
        obs_id=obs_id,
        pointing_alt=tel.POINTING_ALT,
        pointing_az=tel.POINTING_AZ,
        energy_range=(0.1, 100.0),
        n_showers=0,
        spectral_index=-2.0,
        max_viewcone_radius=3.0,
        max_scatter_range=1000.0,
    )


def labels_of(first: int, n: int, rng: np.random.Generator) -> Table:
    """Random truth of ``n`` events, numbered from ``first`` + 1."""
    return Table(
        {
            "obs_id": np.ones(n, int),
            "event_id": first + 1 + np.arange(n),
            "tel_id": np.full(n, tel.TEL_ID),
            "true_energy": 10 ** rng.uniform(-1, 2, n),
            "true_alt": tel.POINTING_ALT + rng.normal(0, 0.5, n),
            "true_az": tel.POINTING_AZ + rng.normal(0, 0.5, n),
            "true_core_x": rng.normal(0, 100, n),
            "true_core_y": rng.normal(0, 100, n),
            "true_h_first_int": rng.normal(2e4, 2e3, n),
            "true_x_max": rng.normal(300, 30, n),
            "true_shower_primary_id": np.zeros(n, int),
        }
    )
