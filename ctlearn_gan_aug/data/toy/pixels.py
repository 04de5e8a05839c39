"""Pixel grids of the toy camera: the usual one, and some with other pixels on the same field."""

from dataclasses import dataclass

import numpy as np

_ROW = np.sqrt(0.75)  # distance of the rows of a hexagonal lattice in its pitch
_MODULE = 8  # pixels along the side of a module of square ones
_USUAL_AREA = _ROW * 0.03**2  # m2


@dataclass(frozen=True)
class PixelGrid:
    """Where the pixels are and how large.

    Attributes
    ----------
    name : str
        Of the camera.
    pitch : float
        Distance of neighbours, m.
    n_pixels : int
        Their number, around the centre.
    modules : tuple of int
        Modules of 8 x 8 square pixels in each row of them; empty for hexagonal pixels.
    rotation : float
        Angle of the rows, deg.
    """

    name: str
    pitch: float
    n_pixels: int
    modules: tuple[int, ...] = ()
    rotation: float = 0.0

    @property
    def is_square(self) -> bool:
        """Whether pixels are square, not hexagonal."""
        return bool(self.modules)

    @property
    def area(self) -> float:
        """Of a pixel, m2."""
        return self.pitch**2 * (1.0 if self.is_square else _ROW)

    @property
    def night_sky(self) -> float:
        """Fluctuations of the night sky in a pixel, as a multiple of the usual camera's."""
        return np.sqrt(self.area / _USUAL_AREA)

    @property
    def radius(self) -> float:
        """Distance of the outermost pixels from the centre, m."""
        return float(np.hypot(*self.positions().T).max())

    def positions(self) -> np.ndarray:
        """Pixel centres (n_pixels, 2) in m before rotation: rows along x, from -y to +y."""
        points = self._square() if self.is_square else self._hexagonal()
        return self.pitch * points

    def _hexagonal(self) -> np.ndarray:
        n_rows = int(np.sqrt(self.n_pixels))
        rows, columns = np.mgrid[-n_rows : n_rows + 1, -2 * n_rows : 2 * n_rows + 1]
        points = np.stack([columns + 0.5 * (rows % 2), _ROW * rows], axis=-1).reshape(-1, 2)
        n_rings = round(np.sqrt((self.n_pixels - 1) / 3 + 0.25) - 0.5)
        if 3 * n_rings * (n_rings + 1) + 1 == self.n_pixels:  # whole rings make a hexagon
            angles = np.deg2rad([30, 90, 150])
            distance = np.abs(points @ np.array([np.cos(angles), np.sin(angles)])).max(axis=1)
        else:  # a disk
            distance = np.hypot(*points.T)
        # Pixels at equal distance are all in or all out wherever rounding puts them.
        distance = distance.round(9)
        nearest = np.argsort(distance, kind="stable")[: self.n_pixels]
        return points[np.sort(nearest)]

    def _square(self) -> np.ndarray:
        longest = max(self.modules)
        centred = [range((longest - n) // 2, (longest + n) // 2) for n in self.modules]
        has_module = np.zeros((len(self.modules), longest), bool)
        for row, columns in zip(has_module, centred, strict=True):
            row[list(columns)] = True
        rows, columns = np.nonzero(np.kron(has_module, np.ones((_MODULE, _MODULE), bool)))
        corner = (_MODULE * np.array([longest, len(self.modules)]) - 1) / 2
        return np.stack([columns, rows], axis=1) - corner


#: The usual camera, on which every mapper works. Its rotation is no multiple of 30 deg, so that a
#: forgotten one shows.
USUAL = PixelGrid("ToyCam", 0.03, 1069, rotation=23.0)
#: By the name that `simulate` takes: as many pixels as real cameras of these kinds have.
GRIDS = {
    "toy": USUAL,
    "hex127": PixelGrid("ToyHex127", 0.0876, 127, rotation=23.0),
    "hex271": PixelGrid("ToyHex271", 0.06, 271, rotation=23.0),
    "hex1039": PixelGrid("ToyHex1039", 0.0304, 1039, rotation=23.0),
    "hex1855": PixelGrid("ToyHex1855", 0.0228, 1855, rotation=23.0),
    "square2048": PixelGrid("ToySquare2048", 0.0202, 2048, (4, 6, 6, 6, 6, 4)),
    "square11328": PixelGrid(
        "ToySquare11328", 0.0086, 11328, (5, 9, 11, 13, 13, 15, 15, 15, 15, 15, 13, 13, 11, 9, 5)
    ),
}
