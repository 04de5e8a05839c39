"""Augmentation components: exact parts, seeds, structure, and the same batches everywhere.

`make test-backends` runs this file with each backend, too.
"""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from augment_fakes import make_untrained_bundle

from ctlearn_gan_aug.bundle import Bundle, load_bundle
from ctlearn_gan_aug.camera import Camera
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.data.events import Events, read_events
from ctlearn_gan_aug.data.toy.pixels import GRIDS
from ctlearn_gan_aug.data.toy.telescope import toy_subarray
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.sampling.batches import GeneratedEvents
from ctlearn_gan_aug.sampling.components import Compose, MixGenerated, Part, TurnImages
from ctlearn_gan_aug.sampling.mapped import MappedImages
from ctlearn_gan_aug.sampling.tasks import task_labels

EXAMPLES = Path(__file__).parents[1] / "examples"
TASKS = ("type", "energy", "cameradirection", "skydirection")
BATCH = 16
BRIGHT = Region(energy=("3 TeV", "20 TeV"))


@dataclass
class Given:
    """A bundle, its file, and the file's events in batches."""

    path: Path
    file: Path
    bundle: Bundle
    events: Events

    def batch(self, number: int = 0, tasks=TASKS):
        rows = slice(number * BATCH, (number + 1) * BATCH)
        return self.events.pixels[rows], task_labels(tasks, self.events.labels[rows], True)

    def mixing(self, fraction=0.25, **options) -> MixGenerated:
        return MixGenerated([Part(GeneratedEvents(self.bundle, seed=4), fraction)], **options)


@pytest.fixture(scope="module")
def given(tmp_path_factory, toy_gamma) -> Given:
    path = make_untrained_bundle(toy_gamma, tmp_path_factory.mktemp("component") / "bundle")
    return Given(path, toy_gamma, load_bundle(path), read_events([toy_gamma]))


class BlankEvents:
    """Stands in for generated ones, in no time."""

    def __init__(self, given: Given):
        self.bundle = given.bundle
        self.shape = given.events.pixels.shape[1:]

    def take(self, first: int, n: int):
        return np.full((n, *self.shape), -1.0, np.float32), self.bundle.label_table[:n]


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Rows that differ."""
    return np.any(before != after, axis=tuple(range(1, before.ndim)))


def assert_equal(one, other, **tolerance):
    """Whole batches agree."""
    compare = np.testing.assert_allclose if tolerance else np.testing.assert_array_equal
    compare(one[0], other[0], **tolerance)
    assert one[1].keys() == other[1].keys()
    for task in one[1]:
        compare(one[1][task], other[1][task], **tolerance)


@pytest.mark.parametrize("fraction", [0.25, 0.3, 1.0])
def test_exactly_the_asked_rows_are_generated(given, fraction):
    images, labels = given.batch()
    kept = images.copy()
    for number in range(3):
        mixed, new = given.mixing(fraction)(images, labels, number)
        rows = changed(images, mixed)
        assert rows.sum() == round(fraction * BATCH)
        np.testing.assert_array_equal(rows, changed(labels["energy"], new["energy"]))
        np.testing.assert_array_equal(rows, changed(labels["skydirection"], new["skydirection"]))
    np.testing.assert_array_equal(images, kept)  # the caller's arrays are left alone


def test_generated_rows_are_the_sequence_of_their_part(given):
    region = Region(energy=("1 TeV", "5 TeV"))
    events = GeneratedEvents(given.bundle, region, seed=4)
    images, labels = given.batch()
    mixed, new = MixGenerated([Part(events, 0.25)])(images, labels, 3)
    rows = changed(images, mixed)
    pixels, table = events.take(3 * 4, 4)
    order = np.argsort(table["log_true_energy"])
    found = np.flatnonzero(rows)[np.argsort(new["energy"][rows])]
    np.testing.assert_allclose(mixed[found], pixels[order], rtol=1e-5, atol=1e-4)
    assert ((new["energy"][rows] > -0.01) & (new["energy"][rows] < 0.71)).all()


def test_parts_share_a_batch_by_their_fractions_and_classes(given):
    parts = [
        Part(GeneratedEvents(given.bundle, seed=1), 0.25),
        Part(GeneratedEvents(given.bundle, seed=2), 0.125, is_signal=False),
    ]
    images, labels = given.batch()
    mixed, new = MixGenerated(parts)(images, labels, 0)
    assert changed(images, mixed).sum() == 6
    assert new["type"].sum(axis=0).tolist() == [2, BATCH - 2]
    # PyTorch's losses take the number of the class, and both take it bare where it is alone.
    for bare in (labels["type"], labels["type"].argmax(axis=1)):
        _, found = MixGenerated(parts)(images, bare, 0)
        assert found.shape == bare.shape and found.dtype == bare.dtype
        classes = found if found.ndim == 1 else found.argmax(axis=1)
        np.testing.assert_array_equal(classes, new["type"].argmax(axis=1))


def test_turned_images_keep_their_light_and_directions_follow(given):
    images, labels = given.batch()
    turned, new = TurnImages(given.events.camera, seed=2)(images, labels, 0)
    np.testing.assert_array_equal(np.sort(turned, axis=1), np.sort(images, axis=1))
    assert changed(images, turned).sum() > BATCH / 2
    for task in ("type", "energy"):
        np.testing.assert_array_equal(new[task], labels[task])
    for task in ("cameradirection", "skydirection"):
        assert changed(labels[task], new[task]).sum() > BATCH / 2
        np.testing.assert_allclose(
            np.hypot(*new[task].T), np.hypot(*labels[task].T), rtol=1e-5, atol=1e-6
        )


def test_all_symmetries_are_as_frequent_in_rows_that_stay(given):
    """Components of one seed choose independently of each other."""
    images, labels = given.batch()
    turn, mix = TurnImages(given.events.camera), MixGenerated([Part(BlankEvents(given), 0.5)])
    n, counts = len(turn.turns), 0
    marked = np.broadcast_to(np.arange(images.shape[1])[None, :, None], images.shape)
    by_first_pixel = {int(source[0]): k for k, source in enumerate(turn.turns.source)}
    for number in range(60):
        turned, _ = turn(marked.astype(np.float32), labels, number)
        mixed, _ = mix(turned, labels, number)
        stays = ~changed(turned, mixed)
        which = [by_first_pixel[int(first)] for first in turned[stays, 0, 0]]
        counts = counts + np.bincount(which, minlength=n)
    expected = counts.sum() / n
    assert ((counts - expected) ** 2 / expected).sum() < 35  # 11 degrees of freedom: 3e-4


@pytest.mark.parametrize("mapper", ["ShiftingMapper", "BilinearMapper", "SquareMapper"])
def test_mapped_images_are_turned_as_if_before_mapping(given, mapper):
    camera = given.events.camera
    if mapper == "SquareMapper":
        camera = Camera.from_subarray(toy_subarray(GRIDS["square2048"]), 1)
    rng = np.random.default_rng(0)
    pixels = rng.gamma(0.3, 50, (BATCH, camera.n_pixels, 2)).astype(np.float32)
    labels = given.batch()[1]
    mapping = camera.mapping(mapper)
    mapped = MappedImages(mapping)
    images = mapped.to_images(pixels)
    np.testing.assert_allclose(
        images[2, ..., 1].reshape(-1), pixels[2, :, 1] @ mapping, rtol=1e-4, atol=1e-3
    )
    turned, new = TurnImages(camera, mapped)(images, labels, 5)
    expected, new_expected = TurnImages(camera)(pixels, labels, 5)
    assert_equal((turned, new), (mapped.to_images(expected), new_expected), rtol=1e-4, atol=2e-3)


def test_mixing_into_mapped_images_maps_the_generated_ones(given):
    mapped = MappedImages(given.events.camera.mapping("BilinearMapper"))
    pixels, labels = given.batch()
    expected, new_expected = given.mixing()(pixels, labels, 1)
    images = mapped.to_images(pixels)
    assert_equal(
        given.mixing(mapped=mapped)(images, labels, 1),
        (mapped.to_images(expected), new_expected),
        rtol=1e-4,
        atol=1e-3,
    )


def both(given) -> Compose:
    """Components with seeds of their own, made anew."""
    return Compose([given.mixing(seed=3), TurnImages(given.events.camera, seed=3)])


def test_batches_are_functions_of_seed_and_number(given):
    batch = given.batch()
    first = both(given)(*batch, 7)
    both_again = both(given)
    both_again(*batch, 2)
    assert_equal(both_again(*batch, 7), first)
    assert changed(first[0], both_again(*batch, 8)[0]).mean() > 0.8
    other = Compose([given.mixing(seed=3), TurnImages(given.events.camera, seed=4)])
    assert changed(first[0], other(*batch, 7)[0]).mean() > 0.5


def test_structure_stays(given):
    images, labels = given.batch(tasks=("cameradirection", "energy"))
    labels["energy"] = labels["energy"].astype(np.float64)  # as CTLearn's loader has it
    new_images, new = both(given)(images, labels, 0)
    assert new_images.shape == images.shape and new_images.dtype == images.dtype
    assert list(new) == list(labels)
    for task in labels:
        assert new[task].shape == labels[task].shape and new[task].dtype == labels[task].dtype


def test_long_sequences_of_events_do_not_depend_on_their_cuts(given):
    events = GeneratedEvents(given.bundle, BRIGHT, seed=1)
    pixels, table = events.take(4090, 12)  # across two pools of labels
    assert len(np.unique(table["true_energy"])) == 12
    for start, n in ((0, 6), (6, 6), (3, 5)):
        again, labels = GeneratedEvents(given.bundle, BRIGHT, seed=1).take(4090 + start, n)
        np.testing.assert_array_equal(labels["fov_lon"], table["fov_lon"][start : start + n])
        np.testing.assert_allclose(again, pixels[start : start + n], rtol=1e-4, atol=1e-3)


def test_misfits_are_refused(given):
    images, labels = given.batch()
    mixing = given.mixing()
    with pytest.raises(UserError, match="Generated images have the shape"):
        mixing(images[..., :1], labels, 0)
    with pytest.raises(UserError, match="Task 'colour' is unknown"):
        mixing(images, {"colour": labels["energy"]}, 0)
    with pytest.raises(UserError, match="at most 1"):
        given.mixing(1.5)
    with pytest.raises(UserError, match="at most 1"):
        MixGenerated([])
    with pytest.raises(UserError, match="do not follow from images"):
        MappedImages(given.events.camera.mapping("BicubicMapper"))
    mapped = MappedImages(given.events.camera.mapping("ShiftingMapper"))
    with pytest.raises(UserError, match="not of this mapper"):
        TurnImages(given.events.camera, mapped)(np.zeros((2, 5, 5, 2), np.float32), {}, 0)


N_BATCHES = 4


def expected_batches(given, epoch: int = 0) -> list:
    component = both(given)
    return [component(*given.batch(i), epoch * N_BATCHES + i) for i in range(N_BATCHES)]


def test_tf_data_gives_the_batches(given):
    tf = pytest.importorskip("tensorflow")
    from ctlearn_gan_aug.sampling.tfdata import augmented

    n = N_BATCHES * BATCH
    labels = task_labels(TASKS, given.events.labels[:n], True)
    dataset = tf.data.Dataset.from_tensor_slices((given.events.pixels[:n], labels)).batch(BATCH)
    one = augmented(dataset, both(given))
    assert int(one.cardinality()) == N_BATCHES
    assert one.element_spec == dataset.element_spec
    found = list(augmented(dataset.repeat(2), both(given)).as_numpy_iterator())
    expected = expected_batches(given) + expected_batches(given, 1)
    for batch, known in zip(found, expected, strict=True):
        assert_equal(batch, known)


def torch_batches(given, channels_first=False):
    import torch

    for number in range(N_BATCHES):
        images, labels = given.batch(number)
        if channels_first:
            images = np.moveaxis(given.events.camera.to_grid(images), -1, 1)
        labels = {task: torch.from_numpy(values) for task, values in labels.items()}
        yield torch.from_numpy(images), labels


def as_numpy(batch):
    return batch[0].numpy(), {task: values.numpy() for task, values in batch[1].items()}


@pytest.mark.parametrize("n_workers", [0, 2])
def test_torch_gives_the_batches(given, n_workers):
    data = pytest.importorskip("torch.utils.data")
    if n_workers and os.environ.get("KERAS_BACKEND") != "torch":
        pytest.skip("workers of PyTorch fork, which other backends do not survive")
    from ctlearn_gan_aug.sampling.torch import Augmented

    dataset = Augmented(list(torch_batches(given)), both(given))
    loader = data.DataLoader(dataset, batch_size=None, num_workers=n_workers)
    for epoch in range(2):
        dataset.set_epoch(epoch)
        found = [as_numpy(batch) for batch in loader]
        for batch, known in zip(found, expected_batches(given, epoch), strict=True):
            assert_equal(batch, known, rtol=1e-5, atol=1e-4)


def test_torch_takes_channels_first_from_a_loader(given):
    data = pytest.importorskip("torch.utils.data")
    from ctlearn_gan_aug.sampling.torch import Augmented

    camera = given.events.camera
    mapped = MappedImages(camera.mapping(camera.compact_mapper))
    component = Compose([given.mixing(mapped=mapped, seed=3), TurnImages(camera, mapped, seed=3)])
    batches = data.DataLoader(list(torch_batches(given, channels_first=True)), batch_size=None)
    augmented = Augmented(batches, component, channels_first=True)
    assert len(augmented) == N_BATCHES
    for batch, (images, labels) in zip(augmented, expected_batches(given), strict=True):
        found, new = as_numpy(batch)
        expected = camera.to_grid(images)
        assert_equal((np.moveaxis(found, 1, -1), new), (expected, labels), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_examples_run(given, framework):
    if importlib.util.find_spec({"keras": "tensorflow"}.get(framework, framework)) is None:
        pytest.skip(f"no {framework} here")
    environment = dict(os.environ)
    environment.pop("KERAS_BACKEND", None)
    script = EXAMPLES / f"component_{framework}.py"
    done = subprocess.run(
        [sys.executable, str(script), str(given.path), str(given.file)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "loss" in done.stdout
