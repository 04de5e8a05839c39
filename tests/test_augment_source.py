"""The stream of generated images: shares, seeds, cuts and labels."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Column, Table
from augment_fakes import MARKER_PIXEL, FakeBundle, fake_stream, label_table

from ctlearn_gan_aug.augment.compatibility import check_particle, warn_of_differences
from ctlearn_gan_aug.augment.plan import Primaries, plan_regions
from ctlearn_gan_aug.augment.source import SyntheticSource
from ctlearn_gan_aug.augment.stream import CHUNK_SIZE, Tally
from ctlearn_gan_aug.config.augment import GanAugmentConfig
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.sampling.tasks import check_labels, task_labels


def two_regions(**options):
    return SyntheticSource([fake_stream(0.7, 0, **options), fake_stream(0.3, 1, **options)])


def markers(batches):
    return np.concatenate([images.pixels[:, MARKER_PIXEL, 0] for images in batches])


def test_every_batch_has_the_asked_number_and_regions_their_share():
    source = two_regions()
    batches = list(source.epoch(0, 100, 7))
    assert [len(images) for images in batches] == [7] * 100
    assert [tally.mixed for tally in source.tallies[0]] == [490, 210]


def test_shares_hold_after_every_batch():
    shares = [0.55, 0.3, 0.15]
    source = SyntheticSource([fake_stream(s, i) for i, s in enumerate(shares)])
    mixed = np.zeros(3)
    for n in (1, 2, 3, 10, 50):
        list(source.epoch(0, n, 4))
        mixed = np.array([tally.mixed for tally in source.tallies[0]])
        assert mixed.sum() == 4 * n
        assert np.abs(mixed - 4 * n * np.array(shares)).max() <= 1


def test_no_image_is_given_twice():
    batches = list(two_regions().epoch(0, 100, 7))
    energies = np.concatenate([images.labels["energy"] for images in batches])
    pairs = np.stack([markers(batches), energies], axis=1)
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_an_epoch_depends_on_seed_and_epoch_alone():
    source = two_regions()
    first = markers(source.epoch(0, 50, 7))
    interrupted = source.epoch(1, 50, 7)
    list(itertools.islice(interrupted, 3))
    again = markers(source.epoch(0, 50, 7))
    np.testing.assert_array_equal(first, again)
    labels = [b.labels["energy"] for b in source.epoch(0, 50, 7)]
    other = [b.labels["energy"] for b in source.epoch(1, 50, 7)]
    assert not np.array_equal(np.concatenate(labels), np.concatenate(other))


def test_seed_changes_labels():
    one, other = (next(two_regions(seed=s).epoch(0, 1, 7)).labels["energy"] for s in (1, 2))
    assert not np.array_equal(one, other)


def test_label_and_image_stay_together():
    def generate(numbers, encoded):
        pixels = np.zeros((len(encoded), fake_stream().region.bundle.camera.n_pixels, 2))
        pixels[:, 0, 0] = encoded[:, 0]
        return pixels.astype(np.float32)

    stream = fake_stream(generate=generate, criteria=[("bright", "true_energy > 1")])
    images = next(SyntheticSource([stream]).epoch(0, 1, 50))
    labels = stream.region.bundle.labels
    log_energy = images.pixels[:, 0, 0] * labels.scale[0] + labels.center[0]
    np.testing.assert_allclose(images.labels["energy"], log_energy, atol=1e-5)
    assert (images.labels["energy"] > 0).all()


def test_rejected_images_are_counted():
    stream = fake_stream(criteria=[("high energy", "true_energy > 1")])
    (tally,) = SyntheticSource([stream]).probe()
    assert tally.generated == CHUNK_SIZE
    share = np.mean(stream.region.bundle.label_table["true_energy"] > 1)
    assert abs(tally.acceptance - share) < 0.15


def test_hopeless_region_ends_in_one_sentence():
    source = SyntheticSource([fake_stream(criteria=[("never", "true_energy > 1e9")])])
    with pytest.raises(UserError, match=r"region 1 .* pass the quality cut true_energy > 1e9"):
        source.probe()
    with pytest.raises(UserError, match="region 1"):
        list(source.epoch(0, 1, 10))


def test_invalid_values_are_refused():
    def generate(numbers, encoded):
        return np.full((len(encoded), fake_stream().region.bundle.camera.n_pixels, 2), np.nan)

    with pytest.raises(UserError, match="not finite"):
        next(fake_stream(generate=generate).chunks(0, Tally()))


def test_task_labels_have_ctlearns_shapes():
    table = label_table(5, "gamma")
    labels = task_labels(("type", "energy", "cameradirection", "skydirection"), table, True)
    assert {task: value.shape for task, value in labels.items()} == {
        "type": (5, 2),
        "energy": (5,),
        "cameradirection": (5, 2),
        "skydirection": (5, 2),
    }
    assert all(value.dtype == np.float32 for value in labels.values())
    np.testing.assert_array_equal(labels["type"][:, 1], 1)
    np.testing.assert_array_equal(task_labels(("type",), table, False)["type"][:, 0], 1)
    np.testing.assert_allclose(labels["energy"], np.log10(table["true_energy"]), rtol=1e-6)
    np.testing.assert_allclose(labels["skydirection"][:, 0], table["fov_lon"], rtol=1e-6)


BUNDLES = {"gamma": FakeBundle("gamma"), "proton": FakeBundle("proton")}
GAMMA_PROTON = Primaries(frozenset({0}), frozenset({101}))
SIGNAL_ONLY = Primaries(frozenset({0}), frozenset())


def plan(primaries, **changes):
    block = {"generators": {"gamma": "g", "proton": "p"}, "fraction": 0.5, **changes}
    return plan_regions(GanAugmentConfig.model_validate(block), BUNDLES, primaries)


def test_weights_become_shares():
    regions = [{"particle": "gamma", "weight": 3}, {"particle": "proton", "weight": 1}]
    chosen = plan(GAMMA_PROTON, regions=regions)
    assert [(r.is_signal, r.share) for r in chosen] == [(True, 0.75), (False, 0.25)]


def test_class_follows_the_files_not_the_name():
    chosen = plan(Primaries(frozenset({101}), frozenset({0})))
    assert [r.is_signal for r in chosen] == [False, True]


def test_background_generator_is_left_out_of_a_signal_training(caplog):
    (region,) = plan(SIGNAL_ONLY)
    assert (region.region.particle, region.share) == ("gamma", 1.0)
    assert "'proton' is left out" in caplog.text


def test_only_background_generators_for_a_signal_training_is_an_error():
    with pytest.raises(UserError, match="signal files only"):
        plan(SIGNAL_ONLY, generators={"proton": "p"})


def test_generator_without_region_is_reported(caplog):
    plan(GAMMA_PROTON, regions=[{"particle": "gamma"}])
    assert "'proton' is not used" in caplog.text


@pytest.mark.parametrize(("altitude", "warned"), [(70.0, False), (50.0, True)])
def test_other_pointing_is_warned_of(caplog, altitude, warned):
    column = Column(np.full(3, np.deg2rad(altitude)), unit="rad")
    identifiers = Table({"telescope_pointing_altitude": column})
    warn_of_differences(BUNDLES["gamma"], SimpleNamespace(example_identifiers=identifiers))
    assert ("70 to 70 deg" in caplog.text) == warned


@pytest.mark.parametrize("name", ["gamma", "gamma_high"])
def test_generator_names_begin_with_the_particle(name):
    check_particle(name, BUNDLES["gamma"])
    with pytest.raises(UserError, match="generates proton"):
        check_particle(name, BUNDLES["proton"])


def test_energy_bundle_cannot_train_a_direction():
    bundle = FakeBundle()
    bundle.labels = LabelSet.fit(("energy",), bundle.label_table)
    check_labels(bundle, ["type", "energy"])
    with pytest.raises(UserError, match="do not follow cameradirection"):
        check_labels(bundle, ["energy", "skydirection"])
