"""A critic's scores of images as they are in DL1, as one model for the backend to compile."""

import keras
from keras import ops

from . import grid
from .device import has_gpu
from .maps import LabelMaps


class Scores(keras.Model):
    """From pixels and labels to a critic's scores.

    Parameters
    ----------
    critic : keras.Model
        From `build_critic`.
    maps : LabelMaps
        Of the camera and label set.
    intensity : IntensityTransform
        To network units.
    camera : Camera
        The compact grid.
    """

    def __init__(self, critic: keras.Model, maps: LabelMaps, intensity, camera):
        super().__init__(name="scores", dtype="float32")
        if keras.backend.backend() == "tensorflow" and not has_gpu():
            self.jit_compile = False  # XLA's convolutions are the slower ones on processors
        self.network = critic
        self._maps, self._intensity, self._camera = maps, intensity, camera

    def call(self, inputs):
        """Scores (B,).

        Parameters
        ----------
        inputs : list of tensor
            Pixels (B, n_pixels, n_channels) in p.e. and ns, labels (B, n_labels), encoded.
        """
        found = self.network(self.seen(*inputs), training=False)
        return ops.reshape(found["score"] if isinstance(found, dict) else found, (-1,))

    def seen(self, pixels, encoded) -> list:
        """What the critic is given: images on the grid in network units, and label maps."""
        image = grid.images(self._intensity.encode(pixels), self._camera)
        return [image, *self._maps(encoded)]
