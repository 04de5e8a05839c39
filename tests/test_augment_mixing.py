"""Mixed batches: exact numbers, every event once, CTLearn's structure, the reader's mapping."""

import numpy as np
import pytest
from augment_fakes import MARKER_PIXEL, FakeLoader, fake_stream, toy_camera

from ctlearn_gan_aug.augment.batch_plan import BatchPlan
from ctlearn_gan_aug.augment.mixing import MixedBatches, class_weights
from ctlearn_gan_aug.augment.source import SyntheticSource
from ctlearn_gan_aug.config.augment import GanAugmentConfig, Schedule
from ctlearn_gan_aug.errors import UserError

BATCH, GENERATED, EVENTS = 16, 5, 150
TASK_SETS = [
    ["type"],
    ["energy"],
    ["cameradirection"],
    ["skydirection"],
    ["energy", "cameradirection"],
    ["energy", "cameradirection", "skydirection"],
    ["type", "energy", "skydirection"],
]


@pytest.fixture(scope="module")
def mapping():
    return toy_camera().mapping("ShiftingMapper")


def mixed_batches(mapping, tasks=("energy",), seed=2, n_epochs=1, schedule=None, **options):
    side = int(mapping.shape[1] ** 0.5)
    streams = [
        fake_stream(0.5, 0, is_signal=True, tasks=tasks),
        fake_stream(0.5, 1, is_signal=False, tasks=tasks),
    ]
    loader = FakeLoader(EVENTS, tasks, BATCH, side)
    plan = BatchPlan(BATCH, GENERATED / BATCH, n_epochs, schedule or Schedule())
    return MixedBatches(loader, plan, SyntheticSource(streams), mapping, seed, **options)


def is_generated(features):
    return features.max(axis=(1, 2, 3)) > 0


def test_exact_fraction_and_every_event_once(mapping):
    mixed = mixed_batches(mapping)
    assert mixed.steps == EVENTS // (BATCH - GENERATED)
    seen, patterns = [], set()
    for features, labels in mixed.dataset.as_numpy_iterator():
        generated = is_generated(features)
        assert generated.sum() == GENERATED
        assert len(generated) == BATCH
        patterns.add(tuple(generated))
        seen.extend(labels["energy"][~generated].astype(int))
        # A simulated event still has its own label.
        own = -1 - features[~generated].min(axis=(1, 2, 3))
        np.testing.assert_array_equal(own, labels["energy"][~generated])
    assert len(seen) == mixed.steps * (BATCH - GENERATED) == len(set(seen))
    assert len(patterns) > mixed.steps / 2, "positions inside the batch are not shuffled"


@pytest.mark.parametrize("tasks", TASK_SETS, ids="-".join)
def test_structure_equals_ctlearns_loader(mapping, tasks):
    mixed = mixed_batches(mapping, tasks)
    features, labels = next(mixed.dataset.as_numpy_iterator())
    side = int(mapping.shape[1] ** 0.5)
    their_features, their_labels = FakeLoader(EVENTS, tasks, BATCH, side)[0]
    assert features.shape == their_features.shape == (BATCH, side, side, 2)
    assert features.dtype == np.float32
    assert isinstance(labels, dict) == isinstance(their_labels, dict)
    ours, theirs = (x if isinstance(x, dict) else {"type": x} for x in (labels, their_labels))
    assert ours.keys() == theirs.keys()
    for task in tasks:
        assert ours[task].shape == theirs[task].shape
        assert ours[task].dtype == np.float32


def test_finite_with_ctlearns_attributes(mapping):
    mixed = mixed_batches(mapping)
    assert mixed.dataset.cardinality().numpy() == mixed.steps
    assert mixed.dataset.options().autotune.enabled is False  # no epoch waits for its thread
    assert (
        mixed.dataset.input_shape == FakeLoader(1, [], 1, int(mapping.shape[1] ** 0.5)).input_shape
    )


def collect(mixed):
    batches = list(mixed.dataset.as_numpy_iterator())
    return np.stack([features for features, _ in batches])


def test_epochs_differ_and_are_reproducible(mapping):
    mixed = mixed_batches(mapping)
    first = collect(mixed)
    np.testing.assert_array_equal(collect(mixed), first)  # Keras opens a spare iterator
    mixed.end_epoch()
    second = collect(mixed)
    assert not np.array_equal(first, second)
    mixed.end_epoch()
    again = mixed_batches(mapping)
    np.testing.assert_array_equal(collect(again), first)
    again.end_epoch()
    np.testing.assert_array_equal(collect(again), second)
    assert mixed.epochs == 2
    assert sum(tally.mixed for tally in mixed.tally()) == 2 * mixed.steps * GENERATED


def test_numpys_global_state_is_not_touched(mapping):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - what must not change
    collect(mixed_batches(mapping))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    "mapper", ["ShiftingMapper", "AxialMapper", "BilinearMapper", "NearestNeighborMapper"]
)
def test_mapping_equals_dl1_data_handler(mapper):
    import copy

    from dl1_data_handler.image_mapper import ImageMapper

    from ctlearn_gan_aug.data.mapper import GridMapper

    camera = toy_camera()
    theirs = ImageMapper.from_name(
        mapper, geometry=copy.deepcopy(camera.geometry), subarray=camera.subarray
    )
    pixels = np.random.default_rng(0).normal(10, 20, (5, camera.n_pixels, 2)).astype(np.float32)
    side = theirs.image_shape
    ours = GridMapper(theirs.mapping_table, side, side)(pixels)
    expected = np.stack([theirs.map_image(vector) for vector in pixels])
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-4)


def test_generated_image_reaches_its_place(mapping):
    mixed = mixed_batches(mapping)
    features, _ = next(mixed.dataset.as_numpy_iterator())
    cell = mapping[MARKER_PIXEL].indices[0]
    side = features.shape[1]
    image = features[is_generated(features)][0, ..., 0]
    expected = np.asarray(mapping.sum(axis=0)).reshape(side, side) * 20.0
    different = np.flatnonzero(np.abs(image - expected) > 1e-3)
    assert set(different) <= {cell}


@pytest.mark.parametrize(
    ("batch", "fraction", "generated"),
    [(64, 0.25, 16), (64, 0.3, 19), (10, 0.25, 3), (10, 0.05, 1), (64, 0.99, 63)],
)
def test_rounding_is_half_up(batch, fraction, generated):
    plan = BatchPlan(batch, fraction)
    assert (plan.n_simulated, plan.n_generated) == (batch - generated, generated)


@pytest.mark.parametrize("fraction", [0.001, 0.9999])
def test_fraction_that_rounds_away_is_refused(fraction):
    with pytest.raises(UserError, match="fraction"):
        BatchPlan.of(GanAugmentConfig(generators={"gamma": "g"}, fraction=fraction), 64, 1)


def test_class_weights_follow_what_is_fed(mapping):
    mixed = mixed_batches(mapping, ["type"], is_signal=np.arange(EVENTS) % 3 == 0)
    background, signal = mixed.fed_per_class()
    assert background + signal == pytest.approx(mixed.steps * BATCH)
    assert signal == pytest.approx(mixed.steps * (11 / 3 + 2.5))
    weights = class_weights(background, signal)
    assert weights[0] * background == pytest.approx(weights[1] * signal)
    assert weights[0] * background + weights[1] * signal == pytest.approx(background + signal)
