"""Independent judges: CTLearn networks trained on simulation that no generator has seen.

CTLearn feeds raw p.e. to its networks, and they hardly learn from them in a short training. The
judges see asinh charges, times relative to the shower's, and where on the camera a cell lies.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from ..data.pipeline import training_batches
from ..memory import images_per_batch
from .sample import Sample

REGRESSION_LABELS = ("energy", "cameradirection")
_ARCHITECTURE = [
    {"filters": 16, "kernel_size": 3, "number": 1},
    {"filters": 32, "kernel_size": 3, "number": 1},
    {"filters": 64, "kernel_size": 3, "number": 1},
    {"filters": 96, "kernel_size": 3, "number": 1},
]
_HEAD = 128  # neurons of the one hidden layer of every head
_BATCH = 64
_PREDICTED = 512  # images at once at most
_LEARNING_RATE = 5e-3
_MOMENTUM = 0.9  # of batch norm; CTLearn's 0.99 lags behind in a training of few hundred steps
_TIME_UNIT = 5.0  # ns
_SIGNAL_SIGMAS = 4.0  # of the night-sky noise, above which a pixel's time means something


@dataclass(frozen=True)
class PixelFeatures:
    """The fixed transform of pixels before a judge sees them.

    Attributes
    ----------
    noise : float
        p.e.; spread of the night-sky noise.
    """

    noise: float

    @classmethod
    def fit(cls, sample: Sample) -> "PixelFeatures":
        """Take the noise level from simulated images, the faint half of whose pixels is noise."""
        low, median = np.percentile(sample.charge, [16, 50])
        return cls(max(float(median - low), 1e-2))

    def __call__(self, sample: Sample) -> np.ndarray:
        """Features float32 (n, n_pixels, 1 or 2): asinh charge and, if known, relative time."""
        charge = sample.charge
        features = [np.arcsinh(charge / (2.0 * self.noise)) / 2.0]
        if sample.peak_time is not None:
            signal = charge > _SIGNAL_SIGMAS * self.noise
            weights = np.where(signal, charge, 0.0)
            total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
            mean = (weights * sample.peak_time).sum(axis=1, keepdims=True) / total
            relative = np.clip((sample.peak_time - mean) / _TIME_UNIT, -3.0, 3.0)
            features.append(np.where(signal, relative, 0.0))
        return np.stack(features, axis=-1).astype(np.float32)


class Judge:
    """A CTLearn SingleCNN on the camera's compact grid.

    Parameters
    ----------
    tasks : sequence of str
        CTLearn tasks: ``["energy", "cameradirection"]`` or ``["type"]``.
    camera : Camera
        Whose grid it sees.
    n_features : int
        Channels of the transformed pixels.
    seed : int
        Of initial weights and order of the images.
    """

    def __init__(self, tasks, camera, n_features: int, seed: int):
        self.tasks = tuple(tasks)
        self.camera = camera
        self.seed = seed
        keras.utils.set_random_seed(seed)
        self._cells = tf.constant(camera.pixel_of_cell)
        self._places = tf.constant(_places(camera))
        self.model = _single_cnn(list(self.tasks), (camera.grid_side,) * 2 + (n_features + 2,))

    def train(self, features: np.ndarray, targets: np.ndarray, symmetries, n_images: int, progress):
        """Fit to features (n, n_pixels, c) and targets (n, n_targets) on ``n_images`` draws.

        ``progress`` is called with the number of images after every batch.
        """
        size = min(_BATCH, len(features))
        steps = max(1, n_images // size)
        warm_up = steps // 20
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=_LEARNING_RATE, warmup_steps=warm_up
        )
        self.model.compile(keras.optimizers.Adam(schedule), loss=self._losses())
        stream = training_batches(features, targets, size, self.seed, symmetries=symmetries)
        stream = stream.map(lambda x, y: (self._grid(x), self._split(y)))
        report = keras.callbacks.LambdaCallback(on_batch_end=lambda batch, logs: progress(size))
        self.model.fit(stream, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[report])

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Raw outputs (n, n_targets) for features (n, n_pixels, c)."""
        outputs = self.model.predict(self._parts(features), verbose=0)
        if isinstance(outputs, dict):
            outputs = np.concatenate([outputs[task] for task in self.tasks], axis=1)
        return outputs

    def embed(self, features: np.ndarray) -> np.ndarray:
        """Outputs of the backbone (n, 96), which all heads read, for features (n, n_pixels, c).

        Fewer where the grid has less than 16 cells a side.
        """
        (backbone,) = (x for x in self.model.layers if isinstance(x, keras.Model))
        return backbone.predict(self._parts(features), verbose=0)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """All weights by their place; Keras' own names change from one network to the next."""
        return {f"{i:04d}": weight for i, weight in enumerate(self.model.get_weights())}

    @weights.setter
    def weights(self, values: dict[str, np.ndarray]) -> None:
        self.model.set_weights([values[name] for name in sorted(values)])

    def settings(self, n_images: int) -> dict:
        """What a training hangs on, beside its images."""
        return {
            "tasks": list(self.tasks),
            "architecture": [_levels(self.camera.grid_side), _HEAD],
            "training": [n_images, _BATCH, _LEARNING_RATE, _MOMENTUM, _TIME_UNIT, _SIGNAL_SIGMAS],
            "seed": self.seed,
        }

    def _losses(self):
        if self.tasks == ("type",):
            return "categorical_crossentropy"
        return dict.fromkeys(self.tasks, "mae")

    def _split(self, targets):
        """Targets (B, n_targets) in the structure of the network's outputs."""
        if self.tasks == ("type",):
            return tf.one_hot(tf.cast(targets[:, 0], tf.int32), 2)
        return {"energy": targets[:, :1], "cameradirection": targets[:, 1:]}

    def _parts(self, features: np.ndarray) -> tf.data.Dataset:
        """Batches of the network's input for features (n, n_pixels, c)."""
        size = images_per_batch(self.model, _PREDICTED)
        return tf.data.Dataset.from_tensor_slices(features).batch(size).map(self._grid)

    def _grid(self, features):
        """Features (B, n_pixels, c) on the grid, with the cells' places (B, side, side, c + 2)."""
        shape = (-1, self.camera.grid_side, self.camera.grid_side, features.shape[-1])
        padded = tf.pad(features, [[0, 0], [0, 1], [0, 0]])  # cells without pixel take the last
        grid = tf.reshape(tf.gather(padded, self._cells, axis=1), shape)
        places = tf.repeat(self._places[None], tf.shape(grid)[0], axis=0)
        return tf.concat([grid, places], axis=-1)


def _places(camera) -> np.ndarray:
    """Pixel positions in camera radii on the grid, float32 (side, side, 2).

    Global pooling at the end of a SingleCNN forgets where on the camera a feature was.
    """
    xy = camera.pixel_xy / np.abs(camera.pixel_xy).max()
    return camera.to_grid(xy[None].astype(np.float32))[0]


def _levels(side: int) -> list[dict]:
    """As many levels as a grid of so many cells can be halved; all from 16 cells on."""
    return _ARCHITECTURE[: int(np.log2(side))]


def _single_cnn(tasks, input_shape):
    from ctlearn.core.model import SingleCNN

    sizes = {"type": 2, "energy": 1, "cameradirection": 2}
    network = SingleCNN(
        input_shape=input_shape,
        tasks=tasks,
        architecture=_levels(input_shape[0]),
        batchnorm=True,
        attention_mechanism="Spatial-SE",
        head_layers={task: [_HEAD, sizes[task]] for task in tasks},
        head_activation_function=dict.fromkeys(tasks, "relu"),
    )
    for layer in network.backbone_model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _MOMENTUM
    return network.model
