"""DL1 image parameters of batches of images, as ctapipe's ImageProcessor computes them."""

from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
from astropy import units as u

from .cleaning import CleaningSettings, clean, for_kernel


@dataclass(frozen=True)
class ImageResult:
    """Cleaning masks and parameters of n images.

    Attributes
    ----------
    mask : ndarray of bool, shape (n, n_pixels)
        Pixels that survived cleaning.
    columns : dict of str to ndarray, shape (n,)
        The columns of DL1 parameter tables by their name, e.g. ``hillas_intensity``, in ctapipe's
        units; NaN or -1 where an image has less than two cleaned pixels or no light in them.
    """

    mask: np.ndarray
    columns: dict[str, np.ndarray]


def compute(
    images: np.ndarray,
    peak_times: np.ndarray | None,
    geometry,
    cleaning: CleaningSettings,
    *,
    use_telescope_frame: bool = True,
) -> ImageResult:
    """Clean and parametrise images.

    The rules are those of the installed ctapipe, whatever data model the result is written to.
    Timing parameters are those of an image that is the first one of its process, because
    ctapipe's depend on the images before, see `timing`.

    Parameters
    ----------
    images : ndarray, shape (n, n_pixels)
        Charges, p.e.
    peak_times : ndarray, shape (n, n_pixels), or None
        Peak times, ns; None leaves the timing parameters NaN.
    geometry : ctapipe.instrument.CameraGeometry
        The camera, in its camera frame.
    cleaning : CleaningSettings
        Tail cuts.
    use_telescope_frame : bool
        Parameters in degrees on the sky; False for metres in the camera.

    Returns
    -------
    ImageResult
    """
    images = for_kernel(images, np.float32)
    mask = clean(images, geometry, cleaning)
    columns = parametrise(
        images, mask, peak_times, geometry, use_telescope_frame=use_telescope_frame
    )
    return ImageResult(mask, columns)


def parametrise(
    images: np.ndarray,
    mask: np.ndarray,
    peak_times: np.ndarray | None,
    geometry,
    *,
    use_telescope_frame: bool = True,
) -> dict[str, np.ndarray]:
    """Parameters of images that are already cleaned; see `compute`.

    Parameters
    ----------
    images : ndarray of float32, or of float64 for true images, shape (n, n_pixels)
        Charges, p.e.
    mask : ndarray of bool, shape (n, n_pixels)
        Cleaned pixels.
    """
    from . import moments as kernels
    from .timing import fit_starts

    view = _pixel_view(geometry, _unequal_parts(geometry), use_telescope_frame)
    if peak_times is None:
        peak_times = np.empty((0, images.shape[1]), np.float32)
    else:
        peak_times = for_kernel(peak_times, np.float32)
    images, mask = for_kernel(images), for_kernel(mask)
    starts = fit_starts(geometry.n_pixels)
    results = kernels.parametrise(images, mask, peak_times, *view, starts)
    moments, intensities, times, timing, islands, in_doubt = results
    for i in np.flatnonzero(in_doubt):
        _recompute(i, images, mask, peak_times, view, moments, timing)
    columns = dict(zip(kernels.MOMENTS, moments.T, strict=True))
    columns |= _named("intensity", kernels.STATISTICS, intensities)
    columns |= _named("peak_time", kernels.STATISTICS, times)
    columns |= _named("timing", kernels.TIMING, timing)
    columns |= _named("morphology", kernels.ISLANDS, islands)
    return _oriented(columns, use_telescope_frame)


def _unequal_parts(geometry) -> tuple:
    """What CameraGeometry leaves out when it compares: focal length, rotation and areas."""
    frame = geometry.frame
    areas = geometry.pix_area.to_value("m2").tobytes()
    return frame.focal_length.to_value("m"), frame.rotation.to_value("rad"), areas


@lru_cache(maxsize=16)
def _pixel_view(geometry, unequal_parts: tuple, use_telescope_frame: bool) -> tuple:
    """Positions, widths, areas, borders and neighbours of the pixels, as the kernels take them."""
    from ctapipe.coordinates import TelescopeFrame

    unit = u.deg if use_telescope_frame else u.m
    if use_telescope_frame:
        geometry = geometry.transform_to(TelescopeFrame())
    lengths = (geometry.pix_x, geometry.pix_y, geometry.pixel_width)
    arrays = [np.ascontiguousarray(length.to_value(unit), float) for length in lengths]
    arrays.append(np.ascontiguousarray(geometry.pix_area.to_value(unit**2), float))
    borders = np.stack([geometry.get_border_pixel_mask(rows) for rows in (1, 2)])
    neighbors = geometry.neighbor_matrix_sparse
    return (*arrays, borders, neighbors.indices, neighbors.indptr)


def _recompute(i, images, mask, peak_times, view, moments, timing) -> None:
    """Let ctapipe itself parametrise image i, whose values hang on the last bits.

    Such are images on a line of pixels, and time fits with equally good solutions.
    """
    from ctapipe.image import concentration_parameters, hillas_parameters
    from ctapipe.image.hillas import camera_to_shower_coordinates

    from .timing import refit_timing

    pixels = mask[i]
    x, y, width, area = (quantity[pixels] for quantity in view[:4])
    # These functions only look at the positions and sizes of the cleaned pixels.
    unit = u.deg
    geometry = SimpleNamespace(
        pix_x=x * unit, pix_y=y * unit, pixel_width=width * unit, pix_area=area * unit**2
    )
    charge = images[i, pixels]
    hillas = hillas_parameters(geometry, charge)
    concentration = concentration_parameters(geometry, charge, hillas)
    names = ("intensity", "skewness", "kurtosis", "fov_lon", "fov_lat", "length")
    names += ("length_uncertainty", "width", "width_uncertainty", "psi", "psi_uncertainty")
    names += ("transverse_cog_uncertainty",)
    moments[i, : len(names)] = [getattr(hillas[name], "value", hillas[name]) for name in names]
    moments[i, -3:] = concentration.cog, concentration.core, concentration.pixel
    if len(peak_times):
        center_x, center_y = hillas.fov_lon.to_value(unit), hillas.fov_lat.to_value(unit)
        psi = hillas.psi.to_value(u.rad)
        along, _ = camera_to_shower_coordinates(x, y, center_x, center_y, psi)
        refit_timing(along, peak_times[i, pixels].astype(float), timing[i])


def _named(prefix: str, names: tuple[str, ...], values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{prefix}_{name}": column for name, column in zip(names, values.T, strict=True)}


def _oriented(columns: dict[str, np.ndarray], use_telescope_frame: bool) -> dict[str, np.ndarray]:
    """Add polar coordinates, angles in degrees, and name what depends on the frame."""
    x, y = columns.pop("hillas_x"), columns.pop("hillas_y")
    columns["hillas_r"] = np.hypot(x, y)
    columns["hillas_phi"] = np.degrees(np.arctan2(y, x))
    for name in ("hillas_psi", "hillas_psi_uncertainty"):
        columns[name] = np.degrees(columns[name])
    if use_telescope_frame:
        return columns | {"hillas_fov_lon": x, "hillas_fov_lat": y}
    columns |= {"hillas_x": x, "hillas_y": y}
    moved = ("hillas_", "timing_")
    return {
        f"camera_frame_{name}" if name.startswith(moved) else name: column
        for name, column in columns.items()
    }
