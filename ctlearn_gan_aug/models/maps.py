"""Label maps: every cell's position relative to the labels of the event."""

import numpy as np

from ..camera import Camera
from ..labels import LabelSet

#: Widths of the ridges along the image axis, in units of the direction label's scale.
_RIDGES = (0.1, 0.3)


class LabelMaps:
    """Image-shaped view of direction and impact.

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
        self.side = camera.grid_side
        self.position = position[None]
        self.mask = camera.mask.reshape(1, -1, 1)

    @property
    def channels(self) -> int:
        """Number of map channels."""
        return 7 + len(_RIDGES) if self.impact else 3

    def __call__(self, encoded):
        """Maps (B, side, side, channels) of encoded labels (B, n_labels), in the graph."""
        import tensorflow as tf

        shape = (tf.shape(encoded)[0], self.side**2, 1)
        mask = tf.broadcast_to(tf.constant(self.mask), shape)
        relative = tf.constant(self.position)
        if self.source:
            relative = relative - tf.gather(encoded, self.source, axis=1)[:, None, :]
        else:
            relative = tf.broadcast_to(relative, (*shape[:2], 2))
        parts = [mask, relative]
        if self.impact:
            core = tf.gather(encoded, self.impact, axis=1)
            distance = tf.norm(core, axis=1, keepdims=True)
            unit = core / (distance + 1e-6)
            x, y = unit[:, None, :1], unit[:, None, 1:]
            dx, dy = relative[..., :1], relative[..., 1:]
            along, across = dx * x + dy * y, dy * x - dx * y
            closeness = tf.clip_by_value(along / (distance[:, None] + 0.1), -3.0, 3.0)
            distance = tf.broadcast_to(distance[:, None], shape)
            parts += [along, across, closeness, distance]
            parts += [tf.exp(-0.5 * tf.square(across / width)) for width in _RIDGES]
        maps = tf.concat(parts, axis=-1) * mask
        return tf.reshape(maps, (-1, self.side, self.side, self.channels))


def _pair(columns, x: str, y: str) -> list[int] | None:
    return [columns.index(x), columns.index(y)] if x in columns else None
