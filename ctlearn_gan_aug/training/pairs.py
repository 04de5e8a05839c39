"""What the generator learns from pairs of a simulated and two generated images of equal labels."""

import tensorflow as tf

from ..config.train import LossConfig
from ..models.maps import LabelMaps
from . import scores
from .networks import Networks


class Pairs:
    """Scores of pairs, weighted as a run wants them.

    Parameters
    ----------
    config : LossConfig
        Weights of the scores of brightness and shape.
    networks : Networks
        How far they have grown.
    maps : LabelMaps
        Axes that shapes are seen along.
    """

    def __init__(self, config: LossConfig, networks: Networks, maps: LabelMaps):
        self.config, self.networks, self.growth = config, networks, networks.growth
        self.maps = maps

    def score(self, real, made: list, labels, weight, is_warmup: bool) -> tuple:
        """Loss of the generator, and scores by name.

        Parameters
        ----------
        real : tensor (B, side, side, c)
            Simulated images.
        made : list of tensor (2 n, side, side, c)
            Generated ones, and those of the newest layers alone; two for each of the first n.
        labels : tensor (2 n, n_labels)
            Of the generated ones, encoded.
        weight : tensor ()
            Of the pixels' score.
        is_warmup : bool
            Whether there is no critic yet: then pixels count, and the squared error of their mean,
            and nothing else: the brightness of images that hardly show a shower would only make
            them bright all over, and shapes would be those of night sky.
        """
        fake, newest = made
        mean_weight = scores.MEAN_WEIGHT if is_warmup else 0.0
        values = {"pairs": self._pixels(real, fake, newest, mean_weight)}
        total = weight * values["pairs"]
        if is_warmup:
            return total, values
        if self.config.brightness:
            values["brightness"] = scores.brightness_score(*_halves(self.shown(real), fake))
            total += self.config.brightness * values["brightness"]
        if self.config.shape and self.growth.is_over:  # label maps have the camera's own side
            _, maps = self.maps(labels[: tf.shape(labels)[0] // 2])
            values["shape"] = scores.shape_score(*_halves(real, fake), maps)
            total += self.config.shape * values["shape"]
        return total, values

    def shown(self, real):
        """Simulated images as the critic sees them, which fade in while generated ones do."""
        return self.growth.faded(real, self.networks.blend) if self.growth.fading else real

    def _pixels(self, real, fake, newest, mean_weight: float):
        """Of pixels; while layers fade in, the mean of theirs and of what the critic is shown.

        Beside the coarser image's errors new layers would learn next to nothing at first.
        """
        if not self.growth.fading:
            return scores.pair_loss(*_halves(real, fake), mean_weight)
        shown = scores.pair_loss(*_halves(self.shown(real), fake), mean_weight)
        return 0.5 * (shown + scores.pair_loss(*_halves(real, newest), mean_weight))


def _halves(real, fake) -> tuple:
    """Simulated images, and two generated ones for each."""
    half = tf.shape(fake)[0] // 2
    return real[:half], fake[:half], fake[half:]
