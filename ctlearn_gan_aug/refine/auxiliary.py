"""The auxiliary: a regressor of the labels, trained on the source and then left as it is."""

import logging
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..bundle_parts import model_weights, set_weights
from ..config.refine import RegressorConfig
from ..data.pipeline import training_batches
from ..files import atomic_file
from ..memory import images_per_batch
from ..training.optimizer import FusedAdam
from ..training.schedule import falling

log = logging.getLogger(__name__)

#: Written when the training has ended; a resumed run takes it from there.
REGRESSOR = "auxiliary.safetensors"
_PREDICTED = 512


class Regressor:
    """Labels that show in images of the source.

    Parameters
    ----------
    network : keras.Model
        From `build_regressor`, untrained.
    images : callable
        Pixel vectors (B, n_pixels, c) in p.e./ns to images on the grid in network units.
    """

    def __init__(self, network: keras.Model, images):
        self.network = network
        self._images = images

    def __call__(self, images):
        """Encoded labels (B, n_labels) found in images (B, side, side, c), in network units."""
        return self.network(images, training=False)

    def obtain(self, path: Path, config: RegressorConfig, pixels, labels, seed, symmetries) -> None:
        """Train, or take the weights that an earlier part of the run has left.

        Parameters
        ----------
        path : Path
            Safetensors file of the weights.
        config : RegressorConfig
            Length and rate.
        pixels : ndarray or StoredRows (n, n_pixels, c)
            Of the source.
        labels : ndarray float32 (n, n_labels)
            Encoded.
        seed, symmetries
            See `training_batches`.
        """
        from safetensors.numpy import save_file

        if path.exists():
            set_weights(self.network, path)
        else:
            log.info("Training the auxiliary, %d steps.", config.steps)
            size = min(config.batch_size, len(pixels))
            self._train(config, training_batches(pixels, labels, size, seed, 0, symmetries))
            with atomic_file(path) as part:
                save_file(model_weights(self.network), part)
        self.network.trainable = False

    def correlations(self, pixels, labels) -> np.ndarray:
        """Correlation (n_labels,) of the labels found with those that there are."""
        size = images_per_batch(self.network, _PREDICTED)
        parts = (pixels[start : start + size] for start in range(0, len(pixels), size))
        found = np.concatenate([self(self._images(part)) for part in parts])
        pairs = zip(found.T, labels.T, strict=True)
        return np.array([np.corrcoef(one, other)[0, 1] for one, other in pairs])

    def _train(self, config: RegressorConfig, batches: tf.data.Dataset) -> None:
        variables = self.network.trainable_variables
        optimizer = FusedAdam(config.learning_rate, global_clipnorm=1.0)
        optimizer.build(variables)

        @tf.function(autograph=False, reduce_retracing=True)
        def step(pixels, labels):
            with tf.GradientTape() as tape:
                found = self.network(self._images(pixels), training=True)
                loss = tf.reduce_mean(tf.abs(found - labels))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

        for number, batch in zip(range(config.steps), batches, strict=False):
            left = 1.0 - number / config.steps
            optimizer.learning_rate = config.learning_rate * falling(left, 1.0, "cosine")
            step(*batch)
