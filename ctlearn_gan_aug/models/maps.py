"""What networks are told of labels: a vector, and every cell's position relative to them."""

import numpy as np
from keras import ops

from ..camera import Camera
from ..labels import LabelSet

#: Widths of the ridges along the image axis, in units of the direction label's scale.
_RIDGES = (0.1, 0.3)
#: Number of bumps in the core distance, and their spacing and width in units of the impact's scale.
_N_BUMPS, _BUMP_WIDTH = 11, 0.35


#: Maps without an impact among the labels.
_N_PLAIN = 3


def axes(n_maps: int) -> slice:
    """Which label maps are coordinates: along the core vector and across it or, without, plain."""
    return slice(3, 5) if n_maps > _N_PLAIN else slice(1, 3)


class LabelMaps:
    """Labels as networks see them: as a vector, and direction and impact as images.

    With an impact among the labels, the vector continues with the distances of core and source,
    the source's place along and across the core vector, and Gaussian bumps of the core distance.
    Brightness falls steeply with that distance, but not inside the Cherenkov ring, and dense layers
    are slow to find such a shape in coordinates (compare Gorishniy et al., arXiv 2203.05556).

    The axis of a shower's image runs from the source position along the direction to the core.
    For each cell at position r, source s and core vector c, the maps are: the camera mask, (r - s),
    and, if the impact is a label: the coordinates of r - s along c and across it; the first over
    the impact distance, which for light emitted on the axis is the inverse of its distance; the
    impact distance; ridges around the axis. Positions are in units of the direction label's
    scale. Without a camera direction among the labels, r itself takes the place of r - s.

    Parameters
    ----------
    camera : Camera
        Gives the positions.
    labels : LabelSet
        Gives the columns and the scale.
    """

    def __init__(self, camera: Camera, labels: LabelSet):
        columns = labels.columns
        self.source = _pair(columns, "cam_coord_offset_x", "cam_coord_offset_y")
        self.impact = _pair(columns, "impact_x", "impact_y")
        scale = labels.scale[self.source[0]] if self.source else np.abs(camera.pixel_xy).max()
        position = np.zeros((camera.grid_side**2, 2), dtype=np.float32)
        position[camera.cell_of_pixel] = camera.pixel_xy / scale
        self.n_labels = labels.size
        self.side = camera.grid_side
        self.mask = camera.mask.reshape(-1).astype(np.float32)
        self.places = np.stack([*position.T, self.mask])

    @property
    def sizes(self) -> tuple[int, int]:
        """Length of the vector and number of maps."""
        if not self.impact:
            return self.n_labels, _N_PLAIN
        return self.n_labels + 4 + _N_BUMPS, 7 + len(_RIDGES)

    def __call__(self, encoded):
        """Vector (B, sizes[0]) and maps (B, side, side, sizes[1]) of encoded labels (B, n)."""
        encoded = ops.convert_to_tensor(encoded)
        return self._vector(encoded), self._maps(encoded)

    def _vector(self, encoded):
        if not self.impact:
            return encoded
        core, distance, unit = self._core(encoded)
        source = ops.zeros_like(core)
        if self.source:
            source = _columns(encoded, self.source)
        along, across = _along_and_across(source, unit)
        offset = _length(source)
        bumps = distance / _BUMP_WIDTH - ops.arange(_N_BUMPS, dtype="float32")
        bumps = ops.exp(-0.5 * ops.square(bumps))
        return ops.concatenate([encoded, distance, offset, along, across, bumps], axis=1)

    def _core(self, encoded):
        """Core vectors (B, 2), their lengths (B, 1) and directions (B, 2)."""
        core = _columns(encoded, self.impact)
        distance = _length(core)
        return core, distance, core / (distance + 1e-6)

    def _maps(self, encoded):
        """All maps are linear in the position, some of them before a function of each cell.

        They are put together by rows, which is faster than by columns.
        """
        maps = ops.matmul(ops.stack(self._slopes(encoded), axis=1), self.places)
        if self.impact:
            n = self.sizes[1] - len(_RIDGES)
            closeness = ops.clip(maps[:, 5:6], -3.0, 3.0)
            ridges = ops.exp(-0.5 * ops.square(maps[:, n:])) * self.mask
            maps = ops.concatenate([maps[:, :5], closeness, maps[:, 6:n], ridges], axis=1)
        maps = ops.transpose(maps, (0, 2, 1))
        return ops.reshape(maps, (-1, self.side, self.side, self.sizes[1]))

    def _slopes(self, encoded) -> list:
        """Slopes of every map along x and y and its value at the camera's centre, each (B, 3)."""
        one = ops.ones_like(encoded[:, :1])
        zero = ops.zeros_like(one)
        source = _columns(encoded, self.source) if self.source else ops.concatenate([zero, zero], 1)
        slopes = [(zero, zero, one), (one, zero, -source[:, :1]), (zero, one, -source[:, 1:])]
        if self.impact:
            _, distance, unit = self._core(encoded)
            along, across = _along_and_across(source, unit)
            x, y = unit[:, :1], unit[:, 1:]
            along, across = (x, y, -along), (-y, x, -across)
            closeness = [value / (distance + 0.1) for value in along]
            slopes += [along, across, closeness, (zero, zero, distance)]
            slopes += [[value / width for value in across] for width in _RIDGES]
        return [ops.concatenate(slope, axis=1) for slope in slopes]


def _columns(encoded, pair: list[int]):
    """Two columns (B, 2) of labels (B, n)."""
    return ops.take(encoded, pair, axis=1)


def _length(vectors):
    """Lengths (B, 1) of vectors (B, 2)."""
    return ops.norm(vectors, axis=1, keepdims=True)


def _along_and_across(position, unit):
    """Coordinates (..., 1) of positions (..., 2) along unit vectors (..., 2) and across them."""
    x, y = unit[..., :1], unit[..., 1:]
    dx, dy = position[..., :1], position[..., 1:]
    return dx * x + dy * y, dy * x - dx * y


def _pair(columns, x: str, y: str) -> list[int] | None:
    return [columns.index(x), columns.index(y)] if x in columns else None
