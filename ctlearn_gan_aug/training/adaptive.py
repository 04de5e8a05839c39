"""Camera symmetries, shown to the critic as often as it overfits.

A critic that has met the same few events often enough knows them by heart. Adaptive discriminator
augmentation (Karras et al., arXiv 2006.06676) then shows it simulated and generated images changed
alike, with a probability that follows how sure the critic is of simulated ones. Here the changes
are the symmetries of the camera alone, and the labels turn with the image: what the critic sees are
possible events, so that no change can leak into what the generator draws, even at probability 1.
"""

import numpy as np
import tensorflow as tf

from ..camera import Camera
from ..config.train import TrainConfig
from ..data.pipeline import Symmetries
from ..labels import LabelSet

#: Mean sign of the scores of simulated images that the probability is steered to.
TARGET = 0.6
#: Simulated images in which the probability can rise from 0 to 1.
RISE = 500_000
#: Batches over which the mean sign is taken.
BATCHES = 4
#: Scores at which the critic is undecided; Wasserstein scores have no such point.
UNDECIDED = {"nonsaturating": 0.0, "minimax": 0.0, "hinge": 0.0, "least_squares": 0.5}


class AdaptiveSymmetries:
    """Turns images on the grid together with their labels, with a probability that adapts.

    Constants are those of the paper. It takes the mean sign of four batches, then moves the
    probability; a running mean over four batches that moves it after each is as fast and needs no
    counter.

    Parameters
    ----------
    camera : Camera
        The compact grid.
    symmetries : Symmetries
        Which there are; the identity comes first.
    undecided : float
        Score at which the critic is undecided.

    Attributes
    ----------
    probability : tf.Variable
        Of a random symmetry, which may be the identity.
    sign : tf.Variable
        Running mean of the sign of the scores of simulated images: 0 for a critic that cannot tell
        them from generated ones, 1 for one that is sure of every one.
    """

    def __init__(self, camera: Camera, symmetries: Symmetries, undecided: float = 0.0):
        self.cells = tf.constant(moved_cells(camera, symmetries.source))
        self.rotation = tf.constant(symmetries.rotation)
        self.undecided = undecided
        self.probability = tf.Variable(0.0, trainable=False)
        self.sign = tf.Variable(0.0, trainable=False)

    @classmethod
    def of(cls, config: TrainConfig, camera: Camera, labels: LabelSet):
        """What a configuration asks for, None if not ``training.symmetries: adaptive``."""
        if config.training.symmetries != "adaptive":
            return None
        return cls(camera, Symmetries.of(camera, labels), UNDECIDED[config.loss.adversarial])

    @property
    def variables(self) -> list[tf.Variable]:
        """The state of the run."""
        return [self.probability, self.sign]

    def turned(self, images, labels, key):
        """Images (B, side, side, c) and labels (B, n_labels), some of them turned.

        Parameters
        ----------
        images, labels : tensor
            In network units.
        key : tensor of int64 (2,)
            Of the stateless random numbers. The same key turns two batches of equal size alike.
        """
        chance, place = tf.unstack(tf.random.stateless_uniform((tf.shape(images)[0], 2), key), 2, 1)
        which = tf.cast(place * self.cells.shape[0], tf.int32)
        return self.apply(images, labels, tf.where(chance < self.probability, which, 0))

    def apply(self, images, labels, which):
        """Images and labels as in `turned` under the symmetries ``which`` (B,)."""
        shape = tf.shape(images)
        flat = tf.reshape(images, (shape[0], -1, images.shape[-1]))
        flat = tf.gather(flat, tf.gather(self.cells, which), axis=1, batch_dims=1)
        rotation = tf.gather(self.rotation, which)
        return tf.reshape(flat, shape), tf.linalg.matvec(rotation, labels, transpose_a=True)

    def follow(self, scores) -> dict:
        """Adapt to the critic's scores (B, 1) of simulated images; returns values to show."""
        sign = tf.reduce_mean(tf.sign(tf.cast(scores, tf.float32) - self.undecided))
        self.sign.assign_add((sign - self.sign) / BATCHES)
        move = tf.sign(self.sign - TARGET) * tf.cast(tf.shape(scores)[0], tf.float32) / RISE
        self.probability.assign(tf.clip_by_value(self.probability + move, 0.0, 1.0))
        return {"ada": self.probability.read_value(), "overfit": self.sign.read_value()}


def moved_cells(camera: Camera, source: np.ndarray) -> np.ndarray:
    """Permutations of pixels (n, n_pixels) as those of cells (n, side * side), int32.

    Cells without a pixel keep their place.
    """
    cells = np.tile(np.arange(camera.grid_side**2, dtype=np.int32), (len(source), 1))
    cells[:, camera.cell_of_pixel] = camera.cell_of_pixel[source]
    return cells
