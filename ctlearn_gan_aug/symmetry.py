"""Turning and mirroring images by the exact symmetries of their camera, directions with them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .camera import Camera
from .directions import change_origin
from .errors import UserError

#: What a symmetry does to the label of a task.
_UNCHANGED = ("type", "energy")
_IN_CAMERA = ("cameradirection", "impact")
_ON_SKY = ("skydirection",)


@dataclass(frozen=True)
class Pointing:
    """Where telescope and array point; they differ in divergent mode and by pointing errors.

    Attributes
    ----------
    telescope, array : ndarray (n, 2) or (2,)
        Altitude and azimuth in deg, of every event or of all.
    """

    telescope: np.ndarray
    array: np.ndarray

    @classmethod
    def of(cls, table) -> "Pointing":
        """Pointings of an event label table, or of dl1-data-handler's ``example_identifiers``."""
        import astropy.units as u

        def pair(prefix: str) -> np.ndarray:
            columns = (table[f"{prefix}pointing_{name}"] for name in ("altitude", "azimuth"))
            return np.stack([u.Quantity(column, "deg").value for column in columns], axis=1)

        return cls(pair("telescope_"), pair(""))

    def __getitem__(self, index) -> "Pointing":
        """Pointings of some events."""
        return Pointing(self.telescope[index], self.array[index])


@dataclass(frozen=True)
class Turns:
    """The symmetries of a camera as tables, the identity first.

    Showers keep them only nearly: the magnetic field and the zenith angle single out directions
    that do not turn with the camera.

    Attributes
    ----------
    source : ndarray int32 (n_turns, n_pixels)
        ``image[source[k]]`` is the image under symmetry k.
    in_camera : ndarray (n_turns, 2, 2)
        Acts on ``cam_coord_offset_x/y``, and on the impact, as column vectors.
    on_sky : ndarray (n_turns, 2, 2)
        Acts on ``fov_lon/lat`` from the pointing of the telescope.
    """

    source: np.ndarray
    in_camera: np.ndarray
    on_sky: np.ndarray

    @classmethod
    def of(cls, camera: Camera) -> "Turns":
        """All symmetries of a camera."""
        in_camera = np.stack([symmetry.matrix for symmetry in camera.symmetries])
        angle = camera.geometry.pix_rotation.to_value("rad")
        # ctapipe's camera frame has y along the longitude and x along the latitude.
        to_sky = np.array([[np.sin(angle), np.cos(angle)], [np.cos(angle), -np.sin(angle)]])
        return cls(
            np.stack([symmetry.source for symmetry in camera.symmetries]),
            in_camera,
            to_sky @ in_camera @ to_sky.T,
        )

    def __len__(self) -> int:
        """Number of symmetries, at least 1."""
        return len(self.source)

    def turn(
        self,
        pixels: np.ndarray,
        labels: Mapping[str, np.ndarray] | np.ndarray,
        which: np.ndarray,
        pointing: Pointing | None = None,
    ) -> tuple[np.ndarray, dict[str, np.ndarray] | np.ndarray]:
        """Images and their labels under symmetry ``which[i]`` each; see the two parts below."""
        return self.turn_pixels(pixels, which), self.turn_labels(labels, which, pointing)

    def turn_pixels(self, pixels: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Images under a symmetry each.

        Parameters
        ----------
        pixels : ndarray (n, n_pixels, n_channels)
            Whatever the channels hold.
        which : ndarray of int (n,)
            Numbers of symmetries.

        Returns
        -------
        ndarray (n, n_pixels, n_channels)
            A new array.
        """
        turned = np.empty_like(pixels)
        for target, image, source in zip(turned, pixels, self.source[which], strict=True):
            np.take(image, source, axis=0, out=target, mode="clip")  # unchecked, without a buffer
        return turned

    def turn_labels(
        self,
        labels: Mapping[str, np.ndarray] | np.ndarray,
        which: np.ndarray,
        pointing: Pointing | None = None,
    ) -> dict[str, np.ndarray] | np.ndarray:
        """Labels of the turned images.

        Parameters
        ----------
        labels : mapping of str to ndarray, or ndarray
            By CTLearn's task: ``type`` and ``energy`` stay, ``cameradirection`` (n, 2) in m,
            ``skydirection`` (n, 2) in deg; likewise ``impact`` (n, 2) in m. A bare array is the
            type, as CTLearn gives it alone.
        which : ndarray of int (n,)
            Numbers of symmetries.
        pointing : Pointing, optional
            Of these events, for ``skydirection``; by default every telescope points as the array.

        Raises
        ------
        UserError
            If it is not known how a label turns.
        """
        if not isinstance(labels, Mapping):
            return labels
        return {name: self._label(name, x, which, pointing) for name, x in labels.items()}

    def _label(self, name: str, values: np.ndarray, which, pointing) -> np.ndarray:
        if name in _UNCHANGED:
            return values
        if name in _IN_CAMERA:
            return _product(self.in_camera[which], values).astype(values.dtype)
        if name in _ON_SKY:
            return self._on_sky(values, which, pointing).astype(values.dtype)
        known = ", ".join((*_UNCHANGED, *_IN_CAMERA, *_ON_SKY))
        raise UserError(f"Label '{name}': not known how it turns with the image; known: {known}.")

    def _on_sky(self, offsets: np.ndarray, which, pointing: Pointing | None) -> np.ndarray:
        if pointing is None:
            return _product(self.on_sky[which], offsets)
        seen = change_origin(offsets, pointing.array, pointing.telescope)
        turned = _product(self.on_sky[which], seen)
        return change_origin(turned, pointing.telescope, pointing.array)


def _product(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nj->ni", matrices, vectors)
