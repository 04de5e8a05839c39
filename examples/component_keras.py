"""Train a Keras network on tf.data batches: a quarter generated, every image turned at random.

Usage: python examples/component_keras.py BUNDLE DL1_FILE
"""

import sys
from pathlib import Path

import keras
import tensorflow as tf

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.sampling.batches import GeneratedEvents
from ctlearn_gan_aug.sampling.components import Compose, MixGenerated, Part, TurnImages
from ctlearn_gan_aug.sampling.mapped import MappedImages
from ctlearn_gan_aug.sampling.tasks import task_labels
from ctlearn_gan_aug.sampling.tfdata import augmented

TASKS = ("energy", "cameradirection")
BATCH, EPOCHS = 32, 2


def small_network(shape: tuple[int, ...]) -> keras.Model:
    """A few convolutions, and an output for every task."""
    image = keras.Input(shape)
    x = keras.layers.BatchNormalization()(image)
    for filters in (8, 16, 32):
        x = keras.layers.Conv2D(filters, 3, strides=2, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = {
        "energy": keras.layers.Dense(1, name="energy")(x),
        "cameradirection": keras.layers.Dense(2, name="cameradirection")(x),
    }
    return keras.Model(image, outputs)


def main(bundle_path: str, dl1_file: str) -> keras.callbacks.History:
    """Train for a few steps."""
    bundle, events = load_bundle(Path(bundle_path)), read_events([Path(dl1_file)])

    # As CTLearn's reader delivers them: images of its mapper, labels by task.
    mapped = MappedImages(events.camera.mapping("BilinearMapper"))
    images = mapped.to_images(events.pixels)
    labels = task_labels(TASKS, events.labels, is_signal=True)

    component = Compose(
        [
            MixGenerated([Part(GeneratedEvents(bundle, seed=1), fraction=0.25)], mapped, seed=1),
            TurnImages(events.camera, mapped, seed=1),
        ]
    )
    batches = (
        tf.data.Dataset.from_tensor_slices((images, labels))
        .shuffle(len(images), seed=1)
        .batch(BATCH, drop_remainder=True)
    )
    network = small_network(images.shape[1:])
    network.compile("adam", dict.fromkeys(TASKS, "mae"))
    # Without end, so that every epoch is augmented anew.
    training = augmented(batches.repeat(), component)
    return network.fit(
        training, steps_per_epoch=len(batches), epochs=EPOCHS, shuffle=False, verbose=2
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
