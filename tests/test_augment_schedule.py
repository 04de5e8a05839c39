"""Schedules and weights: exact numbers in every batch and epoch, classes that weigh the same."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_augment_mixing import BATCH, EVENTS, is_generated, mixed_batches

from ctlearn_gan_aug.augment.batch_plan import BatchPlan
from ctlearn_gan_aug.config.augment import GanAugmentConfig, Schedule
from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.errors import UserError

schedules = st.builds(
    Schedule,
    start_epoch=st.integers(1, 12),
    ramp_epochs=st.integers(0, 12),
    anneal_epochs=st.integers(0, 12),
) | st.builds(Schedule, ramp_epochs=st.integers(0, 12), anneal=st.floats(0.01, 1))


@pytest.fixture(scope="module")
def mapping():
    from augment_fakes import toy_camera

    return toy_camera().mapping("ShiftingMapper")


def test_ramp_and_anneal_by_hand():
    schedule = Schedule(start_epoch=3, ramp_epochs=2, anneal_epochs=2)
    factors = [schedule.factor(epoch, 8) for epoch in range(8)]
    assert factors == [0, 0, 0.5, 1, 1, 1, 0.5, 0]
    assert [Schedule(anneal=0.25).factor(epoch, 8) for epoch in range(8)] == [
        *[1] * 6,
        *[0.5, 0],
    ]
    assert [Schedule(anneal=1).factor(epoch, 5) for epoch in range(5)] == [0.8, 0.6, 0.4, 0.2, 0]


@given(schedules, st.integers(1, 15))
def test_factors_stay_between_nothing_and_all(schedule, n_epochs):
    factors = [schedule.factor(epoch, n_epochs) for epoch in range(n_epochs)]
    assert all(0.0 <= factor <= 1.0 for factor in factors)
    assert not any(factors[: schedule.start_epoch - 1])
    if schedule.anneal or schedule.anneal_epochs:
        assert factors[-1] == 0.0
    if schedule.is_constant:
        assert set(factors) == {1.0}


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(start_epoch=2, ramp_epochs=2, anneal_epochs=1),
        Schedule(ramp_epochs=5),
        Schedule(anneal_epochs=4),
        Schedule(anneal=0.4),
    ],
    ids=str,
)
def test_every_batch_of_every_epoch_is_exact(mapping, schedule):
    mixed = mixed_batches(mapping, n_epochs=5, schedule=schedule)
    steps = mixed.dataset.cardinality().numpy()
    expected = [math.floor(5 * schedule.factor(epoch, 5) + 0.5) for epoch in range(5)]
    assert len(set(expected)) > 1
    for epoch in range(5):
        seen, n_batches = [], 0
        for features, labels in mixed.dataset.as_numpy_iterator():
            generated = is_generated(features)
            assert (len(features), generated.sum()) == (BATCH, expected[epoch])
            own = -1 - features[~generated].min(axis=(1, 2, 3))
            np.testing.assert_array_equal(own, labels["energy"][~generated])
            seen.extend(own.astype(int))
            n_batches += 1
        assert n_batches == steps
        # All events but those of an incomplete last batch, and none much more often than others.
        assert len(set(seen)) > EVENTS - BATCH
        assert np.ptp(np.bincount(seen, minlength=EVENTS)) <= 1
        mixed.end_epoch()
    assert sum(tally.mixed for tally in mixed.tally()) == sum(expected) * steps
    assert mixed.n_simulated_seen == steps * (5 * BATCH - sum(expected))


def test_a_schedule_without_any_generated_image_is_refused():
    block = GanAugmentConfig(generators={"gamma": "g"}, fraction=0.25, schedule={"start_epoch": 9})
    with pytest.raises(UserError, match="none of the 5 epochs has generated images"):
        BatchPlan.of(block, 64, 5)


def weighted_epoch(mixed):
    """Whether generated, class and weight of every image of an epoch."""
    batches = list(mixed.dataset.as_numpy_iterator())
    generated = np.concatenate([is_generated(batch[0]) for batch in batches])
    labels = np.concatenate([np.asarray(batch[1]) for batch in batches])
    return generated, labels, np.concatenate([batch[2] for batch in batches])


def test_generated_images_have_the_asked_weight(mapping):
    batches = mixed_batches(mapping, sample_weight=0.25).dataset.as_numpy_iterator()
    for features, _, weights in batches:
        assert weights.dtype == np.float32
        np.testing.assert_array_equal(weights, np.where(is_generated(features), 0.25, 1.0))


@pytest.mark.parametrize("weight", [None, 0.5])
def test_classes_weigh_the_same_in_every_epoch(mapping, weight):
    mixed = mixed_batches(
        mapping,
        ["type"],
        n_epochs=3,
        schedule=Schedule(ramp_epochs=3),
        is_signal=np.arange(EVENTS) % 2 == 1,  # as the fake loader's labels say
        sample_weight=weight,
    )
    for _ in range(3):
        generated, labels, weights = weighted_epoch(mixed)
        sums = labels.T @ weights
        # Which events miss in an incomplete last batch is chance.
        assert sums[0] == pytest.approx(sums[1], rel=0.1)
        for kind in (0, 1):
            of_kind = labels[:, kind] == 1
            ratio = weights[of_kind & generated].mean() / weights[of_kind & ~generated].mean()
            assert ratio == pytest.approx(weight or 1.0)
        mixed.end_epoch()


def test_constant_fractions_leave_class_weights_to_keras(mapping):
    mixed = mixed_batches(mapping, ["type"], is_signal=np.arange(EVENTS) % 2 == 1)
    assert not mixed.has_weights
    assert len(next(mixed.dataset.as_numpy_iterator())) == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fraction": None}, "fraction is missing"),
        ({"regions": [{"fraction": 0.2}]}, "add up to 0.2, fraction is 0.25"),
        ({"regions": [{"fraction": 0.3}]}, "add up to 0.3, fraction is 0.25"),
        ({"regions": [{"fraction": 0.25}, {"weight": 2.0}]}, "nothing is left"),
        ({"regions": [{"fraction": 0.5}, {"fraction": 0.6}]}, "not below 1"),
        ({"generators": {}}, "generators is missing or empty"),
        ({"generators": {}, "symmetries": True}, "fraction needs generators"),
        ({"schedule": {"start_epoch": 0}}, "start_epoch"),
        ({"sample_weight": 0.0}, "sample_weight"),
    ],
)
def test_senseless_blocks_are_refused(changes, sentence):
    from ctlearn_gan_aug.config.base import parse

    block = {"generators": {"gamma": "g"}, "fraction": 0.25, **changes}
    with pytest.raises(UserError, match=sentence):
        parse(GanAugmentConfig, {k: v for k, v in block.items() if v is not None}, "x")


def test_fractions_of_regions_and_weights_divide_a_batch():
    from augment_fakes import FakeBundle

    from ctlearn_gan_aug.augment.plan import Primaries, plan_regions

    block = GanAugmentConfig(
        generators={"gamma": "g"},
        fraction=0.4,
        regions=[{"fraction": 0.1}, {"weight": 1.0}, {"weight": 2.0}],
    )
    regions = plan_regions(
        block, {"gamma": FakeBundle()}, Primaries(frozenset({0}), frozenset({101}))
    )
    np.testing.assert_allclose([region.share for region in regions], [0.25, 0.25, 0.5])
    alone = GanAugmentConfig(
        generators={"gamma": "g"}, regions=[{"fraction": 0.1}, {"fraction": 0.2}]
    )
    assert alone.total_fraction == pytest.approx(0.3)


def test_a_schedule_falls_in_one_way():
    block = {"generators": {"gamma": "bundle"}, "fraction": 0.5}
    with pytest.raises(UserError, match=r"schedule: give anneal or anneal_epochs, not both\.$"):
        parse(GanAugmentConfig, {**block, "schedule": {"anneal": 0.5, "anneal_epochs": 2}})
