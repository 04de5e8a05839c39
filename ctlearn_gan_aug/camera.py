"""One camera: its pixel vector, the compact square grid, and dl1-data-handler's mappings."""

import copy
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .errors import UserError

#: Mappers that place every pixel in a cell of its own, by order of preference.
COMPACT_MAPPERS = ("ShiftingMapper", "AxialMapper", "SquareMapper")
#: Fraction of a pixel's size by which a symmetry may miss the partner pixel.
_SYMMETRY_TOLERANCE = 0.3


@dataclass(frozen=True)
class Symmetry:
    """A rotation or reflection that maps the camera onto itself.

    Attributes
    ----------
    matrix : ndarray (2, 2)
        Acts on positions in the reader's (derotated) camera frame.
    source : ndarray (n_pixels,) of int
        ``image[source]`` is the transformed image.
    """

    matrix: np.ndarray
    source: np.ndarray


@dataclass(frozen=True)
class Camera:
    """A telescope camera as the rest of the package sees it.

    Attributes
    ----------
    subarray : ctapipe.instrument.SubarrayDescription
        The subarray the telescope belongs to, geometry as in the file (not derotated).
    tel_id : int
        The telescope whose camera this is.
    compact_mapper : str
        Name of the bijective dl1-data-handler mapper of the compact grid.
    cell_of_pixel : ndarray (n_pixels,) of int32
        Flat index of every pixel's cell in the compact grid, row-major.
    grid_side : int
        Cells along each side of the compact grid.
    """

    subarray: object
    tel_id: int
    compact_mapper: str
    cell_of_pixel: np.ndarray
    grid_side: int

    @classmethod
    def from_subarray(cls, subarray, tel_id: int) -> "Camera":
        """Find the compact grid of a telescope's camera.

        Raises
        ------
        UserError
            If no mapper gives every pixel a cell of its own.
        """
        for mapper in COMPACT_MAPPERS:
            try:
                mapping = _mapping(subarray, tel_id, mapper)
            except ValueError:  # the mapper is for the other pixel shape
                continue
            if _is_bijective(mapping):
                side = math.isqrt(mapping.shape[1])
                return cls(subarray, tel_id, mapper, mapping.indices.astype(np.int32), side)
        name = subarray.tel[tel_id].camera.name
        raise UserError(
            f"Camera '{name}': its pixels fit no square grid one to one "
            f"(tried {', '.join(COMPACT_MAPPERS)}); use a camera dl1-data-handler can map."
        )

    @property
    def geometry(self):
        """ctapipe CameraGeometry, as in the file."""
        return self.subarray.tel[self.tel_id].camera.geometry

    @property
    def name(self) -> str:
        """Camera name."""
        return self.geometry.name

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return len(self.cell_of_pixel)

    @cached_property
    def pixel_xy(self) -> np.ndarray:
        """Pixel positions (n_pixels, 2) in m in the derotated frame of ``cam_coord_offset_x/y``."""
        geometry = copy.deepcopy(self.geometry)
        geometry.rotate(geometry.pix_rotation)
        return np.stack([geometry.pix_x.to_value("m"), geometry.pix_y.to_value("m")], axis=1)

    @cached_property
    def focal_length(self) -> float:
        """Focal length in m of the camera frame in use."""
        return self.geometry.frame.focal_length.to_value("m")

    @cached_property
    def mask(self) -> np.ndarray:
        """Grid (side, side) float32: 1 in cells that hold a pixel, 0 elsewhere."""
        grid = np.zeros(self.grid_side**2, dtype=np.float32)
        grid[self.cell_of_pixel] = 1.0
        return grid.reshape(self.grid_side, self.grid_side)

    @cached_property
    def pixel_of_cell(self) -> np.ndarray:
        """Pixel of every cell (side * side,) int32; ``n_pixels`` marks cells without one."""
        pixel = np.full(self.grid_side**2, self.n_pixels, dtype=np.int32)
        pixel[self.cell_of_pixel] = np.arange(self.n_pixels, dtype=np.int32)
        return pixel

    def to_grid(self, pixels: np.ndarray) -> np.ndarray:
        """Pixel vectors (n, n_pixels, c) onto the grid (n, side, side, c), 0 outside."""
        n, _, channels = pixels.shape
        grid = np.zeros((n, self.grid_side**2, channels), dtype=pixels.dtype)
        grid[:, self.cell_of_pixel] = pixels
        return grid.reshape(n, self.grid_side, self.grid_side, channels)

    def to_pixels(self, grid: np.ndarray) -> np.ndarray:
        """Exact inverse of `to_grid`."""
        n, _, _, channels = grid.shape
        return grid.reshape(n, -1, channels)[:, self.cell_of_pixel]

    def mapping(self, mapper: str):
        """Sparse matrix (n_pixels, H * W) of a dl1-data-handler mapper, as its reader applies it.

        Raises
        ------
        UserError
            If the mapper is unknown or not made for this camera.
        """
        try:
            return _mapping(self.subarray, self.tel_id, mapper)
        except ValueError as error:
            raise UserError(
                f"Mapper '{mapper}' does not fit camera '{self.name}': {error}"
            ) from None

    @cached_property
    def symmetries(self) -> list[Symmetry]:
        """Rotations by multiples of 30 deg and reflections under which the camera is invariant.

        The identity comes first.
        """
        candidates = (_orthogonal(step, mirror) for mirror in (1, -1) for step in range(12))
        found = (self._symmetry(matrix) for matrix in candidates)
        return [symmetry for symmetry in found if symmetry is not None]

    def _symmetry(self, matrix: np.ndarray) -> Symmetry | None:
        from scipy.spatial import cKDTree

        xy = self.pixel_xy
        # The value at a transformed position comes from the pixel there before it.
        distance, source = cKDTree(xy).query(xy @ matrix)
        size = self.geometry.pixel_width[0].to_value("m")
        complete = len(np.unique(source)) == len(source)
        if complete and distance.max() < _SYMMETRY_TOLERANCE * size:
            return Symmetry(matrix, source.astype(np.int32))
        return None

    def same_as(self, other: "Camera") -> bool:
        """Whether both have the same pixels at the same places and the same focal length."""
        return (
            self.n_pixels == other.n_pixels
            and np.allclose(self.pixel_xy, other.pixel_xy, atol=1e-3)
            and np.isclose(self.focal_length, other.focal_length, rtol=1e-3)
        )


def _orthogonal(step: int, mirror: int) -> np.ndarray:
    angle = np.deg2rad(30 * step)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin * mirror], [sin, cos * mirror]])


def _mapping(subarray, tel_id: int, mapper: str):
    from dl1_data_handler.image_mapper import ImageMapper

    if mapper not in ImageMapper.non_abstract_subclasses():
        names = ", ".join(sorted(ImageMapper.non_abstract_subclasses()))
        raise ValueError(f"no such mapper; there are {names}.")
    # The mapper derotates the geometry it is given in place.
    geometry = copy.deepcopy(subarray.tel[tel_id].camera.geometry)
    return ImageMapper.from_name(mapper, geometry=geometry, subarray=subarray).mapping_table


def _is_bijective(mapping) -> bool:
    return bool((mapping.getnnz(axis=1) == 1).all() and (mapping.getnnz(axis=0) <= 1).all())
