"""The thesis' pilot: its AC-GAN on a small labelled image set, to see whether images follow labels.

scikit-learn's handwritten digits, 8 x 8 pixels of 17 grey levels, take the place of showers. To the
package they are images of a camera with 8 x 8 square pixels, and ten labels of which one is 1.
Networks, losses and training steps are those of `ctlearn-gan train` in the thesis' settings; the
auxiliary is a small classifier of digits, trained first and frozen.

Usage: python examples/pilot_digits.py [FIGURE.png]
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from ctlearn_gan_aug.bundle import new_critic, new_generator
from ctlearn_gan_aug.camera import Camera
from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.data.pipeline import training_batches
from ctlearn_gan_aug.data.toy.pixels import PixelGrid
from ctlearn_gan_aug.data.toy.telescope import TEL_ID, toy_subarray
from ctlearn_gan_aug.intensity import IntensityTransform
from ctlearn_gan_aug.intensity_fit import PEDESTAL_SIGMAS
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.models.maps import LabelMaps
from ctlearn_gan_aug.training.loop import Loop
from ctlearn_gan_aug.training.networks import Networks
from ctlearn_gan_aug.training.schedule import Schedule
from ctlearn_gan_aug.training.step import AdversarialStep

SEED, STEPS = 1, 800
SIDE, BRIGHTEST, CLASSES = 8, 16.0, 10
#: Weight of the auxiliary's cross-entropy beside the adversarial loss.
AUXILIARY_WEIGHT = 1.0


def thesis_config(steps: int) -> TrainConfig:
    """The settings of configs/thesis_gamma.yaml, with networks for 8 x 8 pixels."""
    content = {
        "particle": "digit",
        "generator": {"architecture": "dcgan", "latent": 64, "channels": [64, 32]},
        "critic": {
            "architecture": "dcgan",
            "conditioning": "none",
            "label_maps": False,
            "channels": [32, 64],
        },
        "loss": {
            "adversarial": "wasserstein",
            "regularizer": "gradient_penalty",
            "weight": 10.0,
            "interval": 1,
        },
        "warmup": {"fraction": 0.0, "final_weight": 0.0},
        "training": {
            "steps": steps,
            "batch_size": 64,
            "critic_steps": 3,
            "learning_rate": 1.0e-3,
            "betas": [0.5, 0.9],
            "ema": 0.99,
            "symmetries": False,
        },
        "seed": SEED,
    }
    return parse(TrainConfig, content)


@dataclass(frozen=True)
class Digits:
    """Digits as pixel vectors (n, 64, 1) of grey levels, and which they are (n,)."""

    pixels: np.ndarray
    numbers: np.ndarray

    @classmethod
    def load(cls) -> tuple["Digits", "Digits"]:
        """To train with, and held out."""
        images, numbers = load_digits(return_X_y=True)
        parts = train_test_split(images, numbers, test_size=0.3, random_state=SEED)
        pixels = [part.astype(np.float32)[..., None] for part in parts[:2]]
        return cls(pixels[0], parts[2]), cls(pixels[1], parts[3])

    @property
    def labels(self) -> np.ndarray:
        """One of ten labels (n, 10) is 1."""
        return np.eye(CLASSES, dtype=np.float32)[self.numbers]


def auxiliary_loss(digits: Digits, to_images):
    """Cross-entropy of a classifier of digits that is trained here, as `AdversarialStep` takes it.

    Parameters
    ----------
    digits : Digits
        To train it with.
    to_images : callable
        Pixels (n, 64, 1) to images (n, 8, 8, 1) in network units.
    """
    classifier = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(CLASSES),
        ]
    )
    entropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    classifier.compile("adam", entropy)
    classifier.fit(to_images(digits.pixels), digits.labels, epochs=15, verbose=0)

    def loss(fake, labels, real, real_labels):
        return AUXILIARY_WEIGHT * entropy(labels, classifier(fake, training=False))

    return loss


class Progress:
    """Shows the losses now and then."""

    latest: dict = {}

    def update(self, step: int, values: dict, last: bool = False) -> None:
        """Show the losses after a step."""
        if step % 200 == 0 or last:
            shown = " ".join(f"{name} {float(value):.3f}" for name, value in values.items())
            print(f"step {step}  {shown}", flush=True)


def new_step(config: TrainConfig, digits: Digits) -> AdversarialStep:
    """Networks for digits, and the updates that train them."""
    subarray = toy_subarray(PixelGrid("Digits", 0.05, SIDE**2, modules=(1,)))
    cells = np.arange(SIDE**2, dtype=np.int32)
    camera = Camera(subarray, TEL_ID, "SquareMapper", cells, SIDE)
    names = tuple(f"is_{number}" for number in range(CLASSES))
    zeros, ones = np.zeros(CLASSES), np.ones(CLASSES)
    labels = LabelSet(("digit",), names, center=zeros, scale=ones, low=zeros, high=ones)
    darkness = (0.0,) * len(PEDESTAL_SIGMAS)
    intensity = IntensityTransform(("image",), 8.0, (0.0, BRIGHTEST), pedestal=darkness)

    def to_images(pixels):
        return camera.to_grid(keras.ops.convert_to_numpy(intensity.encode(pixels)))

    networks = Networks.create(
        config.training,
        lambda: new_generator(config.generator, camera, labels, intensity),
        new_critic(config.critic, camera, labels, n_channels=1),
    )
    auxiliary = auxiliary_loss(digits, to_images)
    return AdversarialStep(
        config, networks, intensity, LabelMaps(camera, labels), camera, auxiliary
    )


def train(config: TrainConfig, step: AdversarialStep, digits: Digits) -> None:
    """The loop of `ctlearn-gan train`, without its files."""

    def batches(start: int):
        size = config.training.batch_size
        return iter(training_batches(digits.pixels, digits.labels, size, config.seed, start))

    def nothing(number: int) -> None:
        pass

    schedule = Schedule(config.training, config.warmup, len(digits.pixels))
    Loop(config, step, schedule, Progress(), batches, nothing, lambda: 0, nothing).run(0)


def draw(target: Path, digits: Digits, generated: np.ndarray, columns: int = 10) -> None:
    """One row per digit: two that were written by hand, then generated ones."""
    figure = Figure(figsize=(0.5 * (columns + 2), 0.5 * CLASSES))
    panels = figure.subplots(CLASSES, columns + 2)
    for number, row in enumerate(panels):
        here = digits.numbers == number
        images = [*digits.pixels[here][:2], *generated[here][:columns]]
        for panel, image in zip(row, images, strict=True):
            panel.imshow(image.reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=BRIGHTEST)
            panel.set_axis_off()
    figure.suptitle("left two: handwritten, others: generated", fontsize=9)
    figure.savefig(target, dpi=120)


def main(target: str | Path = "digits.png", steps: int = STEPS) -> dict[str, float]:
    """Train, draw and judge; returns the accuracies by what was judged."""
    keras.utils.set_random_seed(SEED)
    training, held_out = Digits.load()
    # An independent judge: another method, on grey levels.
    judge = SVC(gamma=0.001).fit(training.pixels[..., 0], training.numbers)

    def accuracy(pixels) -> float:
        return judge.score(pixels[..., 0], held_out.numbers)

    config = thesis_config(steps)
    step = new_step(config, training)
    found = {"held out": accuracy(held_out.pixels)}
    found["untrained generator"] = accuracy(step.sample(held_out.labels))
    train(config, step, training)
    generated = step.sample(held_out.labels)
    found["generated"] = accuracy(generated)
    for name, value in found.items():
        print(f"accuracy, {name}: {value:.3f}")
    draw(Path(target), held_out, generated)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
