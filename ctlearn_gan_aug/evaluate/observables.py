"""What is measured on every image: ctapipe's parameters, the night-sky noise, the pointing."""

import numpy as np

from ..dl1.cleaning import CleaningSettings
from ..dl1.parameters import compute
from .sample import Sample

#: ctapipe parameters compared as they are.
_PLAIN = (
    "hillas_length",
    "hillas_width",
    "hillas_skewness",
    "hillas_kurtosis",
    "hillas_r",
    "leakage_intensity_width_2",
    "concentration_cog",
    "concentration_core",
    "concentration_pixel",
    "morphology_n_islands",
    "intensity_skewness",
    "intensity_kurtosis",
)
#: Compared as log10: they span decades.
_LOGARITHMIC = ("hillas_intensity", "morphology_n_pixels", "intensity_max")
_TIMES = ("timing_slope", "timing_deviation", "peak_time_mean", "peak_time_std")
#: The sign of the slope hangs on the arbitrary sense of the main axis.
_ABSOLUTE = ("timing_slope",)
#: Observables of ours, beside ctapipe's.
NOISE = ("noise_level", "noise_mean", "noise_correlation")
POINTING = ("alpha", "source_distance", "source_skewness")
_LEAST_EXTENT = 1e-4  # pixel areas; one pixel has rounding errors for a variance
CHARGE_SCALE = 5.0  # p.e.; pixel charges are compared as asinh(q / CHARGE_SCALE)

#: Axis titles.
TITLES = {
    "log_hillas_intensity": "log10 intensity [p.e.]",
    "hillas_length": "length [deg]",
    "hillas_width": "width [deg]",
    "hillas_r": "centroid radius [deg]",
    "log_intensity_max": "log10 brightest pixel [p.e.]",
    "log_morphology_n_pixels": "log10 cleaned pixels",
    "timing_slope": "|time slope| [ns/deg]",
    "timing_deviation": "time deviation [ns]",
    "peak_time_mean": "mean peak time [ns]",
    "peak_time_std": "peak time spread [ns]",
    "noise_level": "noise level [p.e.]",
    "noise_mean": "noise mean [p.e.]",
    "noise_correlation": "noise correlation of neighbours",
    "alpha": "alpha [deg]",
    "source_distance": "centroid to source [deg]",
    "source_skewness": "skewness towards the source",
}


def title(name: str) -> str:
    """Readable name of an observable, with its unit."""
    return TITLES.get(name, name.replace("_", " "))


def measure(sample: Sample, cleaning: CleaningSettings) -> dict[str, np.ndarray]:
    """Observables of every image, cleaned with the same tail cuts whatever its origin.

    Returns
    -------
    dict of str to ndarray (n,)
        ctapipe's parameters (``log_`` before those compared logarithmically), then `NOISE` and
        `POINTING`; NaN where an image has no cleaned pixel. Times only with that channel.
    """
    result = compute(sample.charge, sample.peak_time, sample.camera.geometry, cleaning)
    columns, empty = result.columns, ~result.mask.any(axis=1)
    measured = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for name in _LOGARITHMIC:
            measured[f"log_{name}"] = np.log10(np.where(empty, np.nan, columns[name]))
        for name in _PLAIN + (_TIMES if sample.peak_time is not None else ()):
            values = np.where(empty, np.nan, columns[name]).astype(float)
            measured[name] = np.abs(values) if name in _ABSOLUTE else values
    measured |= _noise(sample, result.mask)
    return measured | _pointing(sample, result.mask)


def image_parameters(measured: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those of the observables that ctapipe writes into DL1 files."""
    return {name: x for name, x in measured.items() if name not in NOISE + POINTING}


def pixel_charges(sample: Sample, n_pixels: int, rng) -> np.ndarray:
    """asinh(q / 5 p.e.) of pixels drawn at random, float (n_pixels,)."""
    charge = sample.charge
    rows = rng.integers(0, charge.shape[0], n_pixels)
    return np.arcsinh(charge[rows, rng.integers(0, charge.shape[1], n_pixels)] / CHARGE_SCALE)


def _noise(sample: Sample, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Spread, mean and neighbour correlation of the charges outside the cleaned pixels."""
    quiet = ~mask
    charge = np.where(quiet, sample.charge, np.nan)
    low, mean, high = np.nanpercentile(charge, [16, 50, 84], axis=1)
    level = np.maximum((high - low) / 2, 1e-6)
    # Clipping keeps the light of faint showers, which the cleaning leaves, from dominating.
    pull = np.clip((sample.charge - mean[:, None]) / level[:, None], -3, 3) * quiet
    neighbours = sample.camera.geometry.neighbor_matrix_sparse.astype(np.float32)
    pairs = (quiet * (neighbours @ quiet.T.astype(np.float32)).T).sum(axis=1)
    products = (pull * (neighbours @ pull.T).T).sum(axis=1)
    variance = (pull**2).sum(axis=1) / np.maximum(quiet.sum(axis=1), 1)
    correlation = products / np.maximum(pairs * variance, 1e-9)
    return dict(zip(NOISE, (level, mean, correlation), strict=True))


def _pointing(sample: Sample, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Angle between main axis and line to the source, their distance, skewness towards it.

    The skewness keeps its sign: it is what tells the image's head, near the source, from its tail.
    """
    weight = np.where(mask, np.maximum(sample.charge, 0.0), 0.0).astype(float)
    total = weight.sum(axis=1)
    weight /= np.where(total > 0, total, np.nan)[:, None]
    xy = sample.camera.pixel_xy
    x, y = xy.T
    cog = weight @ xy
    xx, yy = weight @ x**2 - cog[:, 0] ** 2, weight @ y**2 - cog[:, 1] ** 2
    axis = 0.5 * np.arctan2(2 * (weight @ (x * y) - cog[:, 0] * cog[:, 1]), xx - yy)
    labels = sample.labels
    to_source = np.stack([labels[f"cam_coord_offset_{c}"] for c in "xy"], axis=1) - cog
    off_axis = np.abs(np.arctan2(to_source[:, 1], to_source[:, 0]) - axis) % np.pi
    alpha = np.degrees(np.minimum(off_axis, np.pi - off_axis))
    metres = np.linalg.norm(to_source, axis=1)
    distance = np.degrees(metres / sample.camera.focal_length)
    towards = to_source / metres[:, None]
    position = towards @ xy.T - (towards * cog).sum(axis=1)[:, None]
    least = _LEAST_EXTENT * sample.camera.geometry.pix_area.to_value("m2").mean()
    skewness = _skewness(position, weight, least)
    return dict(zip(POINTING, (alpha, distance, skewness), strict=True))


def _skewness(position: np.ndarray, weight: np.ndarray, least: float) -> np.ndarray:
    """Third standardised moment of positions (n, n_pixels) about zero; NaN without extent."""
    variance, third = ((weight * position**k).sum(axis=1) for k in (2, 3))
    return third / np.where(variance > least, variance, np.nan) ** 1.5
