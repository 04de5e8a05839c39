"""No room gives a network more images at once than fit into the bound, on a camera of any size."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ctlearn_gan_aug import memory
from ctlearn_gan_aug.bundle import load_bundle, new_generator
from ctlearn_gan_aug.camera import Camera
from ctlearn_gan_aug.config.networks import GeneratorConfig

N_PIXELS = 11328
N_IMAGES = 800


@pytest.fixture(scope="module")
def wide_bundle(tiny_bundle):
    """A bundle of the default networks on a camera of 118 x 96 square pixels."""
    from unittest.mock import patch

    import astropy.units as u
    from ctapipe.coordinates import CameraFrame
    from ctapipe.instrument import CameraGeometry

    from ctlearn_gan_aug.data.toy import telescope

    geometry = CameraGeometry.make_rectangular(118, 96)
    geometry.frame = CameraFrame(focal_length=10 * u.m)
    with patch.object(telescope, "toy_geometry", lambda grid: geometry):
        subarray = telescope.toy_subarray()
    camera = Camera(subarray, 1, "SquareMapper", np.arange(N_PIXELS, dtype=np.int32), 107)
    bundle = replace(load_bundle(tiny_bundle), camera=camera)
    bundle.generator = new_generator(GeneratorConfig(), camera, bundle.labels, bundle.intensity)
    return bundle


def bytes_at_once(network, n_images: int) -> int:
    """Of five float32 features as large as the largest."""
    return 5 * 4 * n_images * max(math.prod(layer.output.shape[1:]) for layer in network.layers)


def check(sizes, network) -> None:
    assert sum(sizes) >= N_IMAGES  # the last batch of the same size may overlap
    assert bytes_at_once(network, max(sizes)) <= 2**29
    assert bytes_at_once(network, 4 * max(sizes)) > 2**29  # nor one by one


def test_training_samples_are_made_in_bounded_batches(wide_bundle, tiny_config, tmp_path):
    from ctlearn_gan_aug.models.growth import PLAIN
    from ctlearn_gan_aug.models.maps import LabelMaps
    from ctlearn_gan_aug.training.step import AdversarialStep

    camera, generator = wide_bundle.camera, wide_bundle.generator
    networks = SimpleNamespace(averaged=generator, growth=PLAIN)
    maps = LabelMaps(camera, wide_bundle.labels)
    config = tiny_config(tmp_path, ["none.h5"])
    step = AdversarialStep(config, networks, wide_bundle.intensity, maps, camera)
    sizes, streams = [], []

    def spy(labels, stream):
        sizes.append(len(labels))
        streams.append(int(stream))
        return tf.zeros((len(labels), N_PIXELS, 2))

    step._sample = spy
    labels = np.zeros((N_IMAGES, wide_bundle.labels.size), np.float32)
    assert step.sample(labels).shape == (N_IMAGES, N_PIXELS, 2)
    check(sizes, generator)
    step.sample(labels, 1)
    assert len(set(streams)) == len(streams)


@pytest.mark.parametrize("asked", [256, 1000], ids=["default", "timed"])
def test_bundles_generate_in_bounded_batches(wide_bundle, monkeypatch, asked):
    """The one way of export, evaluate, preview, gan_augment and `GeneratedBatches`."""
    from ctlearn_gan_aug.sampling import generate

    sizes = []

    def spy(self, inputs):
        sizes.append(len(inputs[0]))
        return np.zeros((len(inputs[0]), *self.shape), np.float32)

    monkeypatch.setattr(generate._Pixels, "predict_on_batch", spy)
    sampler = generate.Sampler(wide_bundle, batch_size=asked)
    encoded = np.zeros((N_IMAGES, wide_bundle.labels.size), np.float32)
    sampler.images(np.arange(N_IMAGES), encoded)
    check(sizes, wide_bundle.generator)


def test_judges_look_at_bounded_batches(wide_bundle):
    from ctlearn_gan_aug.evaluate.judges import Judge

    judge = Judge(["type"], wide_bundle.camera, 2, seed=1)
    features = np.zeros((N_IMAGES, N_PIXELS, 2), np.float32)
    sizes = [len(part) for part in judge._parts(features)]
    assert sum(sizes) == N_IMAGES
    # Its first layer makes 16 features of every cell.
    assert max(sizes) * 5 * 4 * 16 * 107**2 <= 2**29


def test_snapshots_ask_for_one_sample_at_a_time(toy_gamma, tmp_path):
    from ctlearn_gan_aug.data.events import read_events
    from ctlearn_gan_aug.labels import LabelSet
    from ctlearn_gan_aug.training.snapshots import Snapshots

    events = read_events([toy_gamma]).select(np.arange(120))
    labels = LabelSet.fit(["energy"], events.labels)
    asked = []

    def generate(encoded, number):
        asked.append((len(encoded), number))
        return events.pixels[:]

    Snapshots(tmp_path / "best", events, labels, generate).take(1, [np.zeros(2)])
    assert asked == [(120, number) for number in range(8)]


def test_a_small_camera_keeps_its_batches(tiny_bundle):
    """So that images of equal seeds stay what they were."""
    from ctlearn_gan_aug.sampling.generate import Sampler

    assert Sampler(load_bundle(tiny_bundle)).batch_size == 256


def test_one_image_is_always_possible(wide_bundle, monkeypatch):
    monkeypatch.setattr(memory, "BATCH_BYTES", 1)
    assert memory.images_per_batch(wide_bundle.generator, 256) == 1
