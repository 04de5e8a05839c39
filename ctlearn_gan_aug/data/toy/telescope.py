"""The toy telescope: one 17 m dish with a camera of any pixels, built in code."""

import functools
from dataclasses import dataclass

import numpy as np

from .conditions import USUAL as USUAL_CONDITIONS
from .conditions import Conditions
from .pixels import USUAL, PixelGrid

SUBARRAY_NAME = "ctlearn-gan-toy"
OPTICS_NAME = "ToyTel"
TEL_ID = 1

POINTING_ALT = 70.0  # deg
POINTING_AZ = 180.0  # deg
OBSERVATION_LEVEL = 2200.0  # m a.s.l.

FOCAL_LENGTH = 17.0  # m
MIRROR_DIAMETER = 17.0  # m
SAMPLING_RATE = 2.0  # GHz
WINDOW = 30.0  # ns of readout
RASTER_PER_PIXEL = 24  # lookup cells per pixel pitch, far finer than the point spread
FINEST_RASTER = 0.0008  # m


def toy_geometry(grid: PixelGrid = USUAL):
    """Geometry of a toy camera, a `ctapipe.instrument.CameraGeometry`."""
    import astropy.units as u
    from ctapipe.coordinates import CameraFrame
    from ctapipe.instrument import CameraGeometry
    from ctapipe.instrument.camera import PixelShape

    angle = np.deg2rad(grid.rotation)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    x, y = turn @ grid.positions().T
    return CameraGeometry(
        name=grid.name,
        pix_id=np.arange(len(x)),
        pix_x=x * u.m,
        pix_y=y * u.m,
        pix_area=np.full(len(x), grid.area) * u.m**2,
        pix_type=PixelShape.from_string("rectangular" if grid.is_square else "hexagonal"),
        pix_rotation=grid.rotation * u.deg,
        cam_rotation=0 * u.deg,
        frame=CameraFrame(focal_length=FOCAL_LENGTH * u.m, rotation=0 * u.deg),
    )


def _toy_readout(name: str, n_pixels: int):
    import astropy.units as u
    from ctapipe.instrument import CameraReadout

    time = np.arange(0, 14, 0.1)  # ns
    pulse = np.exp(-0.5 * ((time - 7.0) / 1.1) ** 2)
    return CameraReadout(
        name=name,
        sampling_rate=SAMPLING_RATE * u.GHz,
        reference_pulse_shape=pulse[np.newaxis],
        reference_pulse_sample_width=0.1 * u.ns,
        n_channels=1,
        n_pixels=n_pixels,
        n_samples=int(WINDOW * SAMPLING_RATE),
    )


def toy_subarray(grid: PixelGrid = USUAL):
    """The subarray of the one toy telescope, a `ctapipe.instrument.SubarrayDescription`."""
    import astropy.units as u
    from astropy.coordinates import EarthLocation
    from ctapipe.instrument import (
        CameraDescription,
        OpticsDescription,
        SubarrayDescription,
        TelescopeDescription,
    )

    geometry = toy_geometry(grid)
    optics = OpticsDescription(
        name=OPTICS_NAME,
        size_type="LST",
        n_mirrors=1,
        equivalent_focal_length=FOCAL_LENGTH * u.m,
        effective_focal_length=FOCAL_LENGTH * u.m,
        mirror_area=np.pi * MIRROR_DIAMETER**2 / 4 * u.m**2,
        n_mirror_tiles=1,
        reflector_shape="PARABOLIC",
    )
    camera = CameraDescription(
        name=grid.name, geometry=geometry, readout=_toy_readout(grid.name, geometry.n_pixels)
    )
    return SubarrayDescription(
        name=SUBARRAY_NAME,
        tel_positions={TEL_ID: np.zeros(3) * u.m},
        tel_descriptions={TEL_ID: TelescopeDescription(OPTICS_NAME, optics, camera)},
        reference_location=EarthLocation.from_geodetic(
            lon=-17.9 * u.deg, lat=28.8 * u.deg, height=OBSERVATION_LEVEL * u.m
        ),
    )


@dataclass(frozen=True)
class ToyCamera:
    """The camera as arrays: which pixel a photon hits, which pixels touch.

    Attributes
    ----------
    n_pixels : int
    radius : ndarray (n_pixels,)
        Distance of the pixels from the centre, m.
    neighbors : scipy.sparse.csr_matrix float32 (n_pixels, n_pixels)
    raster : ndarray int16 (side, side)
        Pixel under each fine cell, indexed [x, y]; -1 outside the camera.
    extent : float
        The raster covers -extent to +extent in x and y, m.
    night_sky : float
        Fluctuations in a pixel, as a multiple of the usual camera's.
    trigger : float
        Threshold of a pixel, p.e.
    point_spread : float
        Of the optics, per axis, rad.
    """

    n_pixels: int
    radius: np.ndarray
    neighbors: object
    raster: np.ndarray
    extent: float
    night_sky: float
    trigger: float
    point_spread: float

    def pixel_at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Pixel at camera positions (m); -1 outside the camera."""
        side = len(self.raster)
        per_meter = np.float32(side / (2 * self.extent))
        # The outermost cells are outside the camera, so clipping loses nothing.
        column = ((x + np.float32(self.extent)) * per_meter).astype(np.int32)
        row = ((y + np.float32(self.extent)) * per_meter).astype(np.int32)
        np.clip(column, 0, side - 1, out=column)
        np.clip(row, 0, side - 1, out=row)
        return self.raster.ravel()[column * side + row]


@functools.cache
def toy_camera(grid: PixelGrid = USUAL, conditions: Conditions = USUAL_CONDITIONS) -> ToyCamera:
    """A toy camera prepared for tracing photons into pixels."""
    import astropy.units as u

    geometry = toy_geometry(grid)
    cell = max(grid.pitch / RASTER_PER_PIXEL, FINEST_RASTER)
    half_side = int((grid.radius + 2 * grid.pitch) / cell)
    centres = (np.arange(2 * half_side) - half_side + 0.5) * cell
    x, y = np.meshgrid(centres, centres, indexing="ij")
    index = geometry.position_to_pix_index(x.ravel() * u.m, y.ravel() * u.m)
    raster = np.where(index < 0, -1, index).astype(np.int16).reshape(x.shape)
    neighbors = geometry.neighbor_matrix_sparse.astype(np.float32)
    radius = np.hypot(geometry.pix_x.to_value("m"), geometry.pix_y.to_value("m"))
    extent = half_side * cell
    return ToyCamera(
        geometry.n_pixels,
        radius,
        neighbors,
        raster,
        extent,
        night_sky=grid.night_sky * conditions.night_sky,
        trigger=conditions.trigger * grid.night_sky,
        point_spread=np.deg2rad(conditions.point_spread),
    )
