"""Generated images from a reservoir: made once, by any number of processes, each seen once."""

import json

import numpy as np
import pytest
from augment_fakes import (
    BATCH,
    MARKER_PIXEL,
    fake_stream,
    make_toy_files,
    make_untrained_bundle,
    write_config,
)
from test_augment_simulated import NO_CUT, set_up

from ctlearn_gan_aug.augment import reservoir as module
from ctlearn_gan_aug.augment.refill import Window, from_reservoir
from ctlearn_gan_aug.augment.reservoir import Reservoir
from ctlearn_gan_aug.augment.source import SyntheticSource
from ctlearn_gan_aug.errors import UserError


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    from ctlearn_gan_aug.augment import refill

    monkeypatch.setattr(module, "PART_SIZE", 64)
    monkeypatch.setattr(refill, "PART_SIZE", 64)


def regions(**options):
    return SyntheticSource([fake_stream(0.75, 0, **options), fake_stream(0.25, 1, **options)])


def stored(folder, n_images=192, n_new=0, **options):
    """A source that reads a reservoir."""
    source = regions(**options)
    reservoir = Reservoir.of(folder, source)
    window = Window(reservoir, n_images, n_new, n_epochs=3)
    window.make()
    return from_reservoir(source, reservoir, window, ["energy"])


def images_of(source, epoch, n_batches, per_batch=8):
    """Marker and energy of an epoch's images."""
    batches = list(source.epoch(epoch, n_batches, per_batch))
    assert [len(images) for images in batches] == [per_batch] * n_batches
    markers = np.concatenate([images.pixels[:, MARKER_PIXEL, 0] for images in batches])
    return np.stack([markers, np.concatenate([b.labels["energy"] for b in batches])], axis=1)


def test_every_image_comes_once_before_any_comes_again(tmp_path):
    source = stored(tmp_path)
    first, second = images_of(source, 0, 24), images_of(source, 1, 24)
    assert len(np.unique(first, axis=0)) == 192
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.unique(first, axis=0), np.unique(second, axis=0))
    np.testing.assert_array_equal(images_of(source, 0, 24), first)
    assert [tally.mixed for tally in source.tallies[0]] == [144, 48]
    # More than there are: all of them again, in another order.
    assert len(np.unique(images_of(source, 2, 48), axis=0)) == 192


def test_images_are_those_of_the_streams(tmp_path):
    source = regions()
    expected = [next(stream.chunks(0, module.Tally())) for stream in source.streams]
    parts = Reservoir.of(tmp_path, source)
    parts.make([0])
    for images, kept, count in zip(expected, parts.read(0), (48, 16), strict=True):
        assert len(kept) == count
        np.testing.assert_array_equal(kept.pixels[np.arange(count)], images.pixels[:count])
        np.testing.assert_array_equal(kept.labels["energy"], images.labels["energy"][:count])


def test_acceptance_is_remembered(tmp_path):
    cut = [("high", "true_energy > 1")]
    source = stored(tmp_path, criteria=cut)
    images_of(source, 0, 10)
    direct = regions(criteria=cut).probe()
    for tally, probed in zip(source.tallies[0], direct, strict=True):
        assert tally.acceptance == pytest.approx(probed.acceptance, abs=0.1)


def test_processes_share_the_work(tmp_path):
    source = regions()
    alone, shared = Reservoir.of(tmp_path / "a", source), Reservoir.of(tmp_path / "b", source)
    alone.make(range(4))
    shared.make(range(1, 4, 2))
    made = shared.path(1).stat().st_mtime_ns
    shared.make(range(4))
    assert shared.path(1).stat().st_mtime_ns == made
    for number in range(4):
        for one, other in zip(alone.read(number), shared.read(number), strict=True):
            np.testing.assert_array_equal(one.pixels[:], other.pixels[:])


def test_other_images_have_another_reservoir(tmp_path):
    folders = [
        Reservoir.of(tmp_path, source).folder
        for source in (
            regions(),
            regions(tasks=["type"]),
            regions(seed=6),
            regions(criteria=[("high", "true_energy > 1")]),
            SyntheticSource([fake_stream(0.5, 0), fake_stream(0.5, 1)]),
        )
    ]
    assert folders[0] == folders[1], "a reservoir serves all tasks"
    assert len(set(folders)) == 4


def test_a_damaged_part_is_named(tmp_path):
    stored(tmp_path)
    (part,) = tmp_path.glob("*/part-00001")
    (part / "region-0.npy").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"part-00001: is damaged .* made again"):
        images_of(stored(tmp_path), 0, 1)


def test_a_killed_process_leaves_no_part(tmp_path, monkeypatch):
    source = regions()
    reservoir = Reservoir.of(tmp_path, source)
    monkeypatch.setattr(module, "_write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reservoir.make([0])
    assert not reservoir.path(0).exists()


def test_refreshed_images_are_new_and_the_same_again(tmp_path):
    source = stored(tmp_path, n_new=64)
    epochs = [images_of(source, epoch, 24) for epoch in range(3)]
    sets = [set(map(tuple, images)) for images in epochs]
    assert len(sets[0] & sets[1]) == 128
    assert len(sets[0] & sets[2]) == 64
    again = stored(tmp_path, n_new=64)
    np.testing.assert_array_equal(images_of(again, 2, 24), epochs[2])
    assert len(list(tmp_path.glob("*/part-*"))) == 3
    # Two parts for two more epochs, none for a fourth.
    assert sorted(source.streams[0]._window._made) == [3, 4]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_toy_files(tmp_path_factory.mktemp("data"), n_events=300)


@pytest.fixture
def block(data, tmp_path, monkeypatch):
    """A block with a reservoir of an untrained generator."""
    monkeypatch.chdir(tmp_path)
    bundle = make_untrained_bundle(data / "gamma" / "gamma.dl1.h5", tmp_path / "bundle")
    region = {"energy": ["0.5 TeV", "5 TeV"]}
    return {
        "generators": {"gamma": str(bundle)},
        "fraction": 0.5,
        "regions": [region],
        "mode": "reservoir",
        "reservoir": {"images": 100},
    }


def make(block, data, folder, *options):
    from ctlearn_gan_aug.augment.reservoir_tool import MakeReservoir

    argv = ["--config", write_config(folder, block, **NO_CUT), "--signal", str(data / "gamma")]
    with pytest.raises(SystemExit) as end:
        MakeReservoir().run([*argv, "--output", "out", "--reco", "energy", *options])
    assert end.value.code == 0


def test_command_makes_what_a_training_then_finds(block, data, tmp_path, monkeypatch):
    make(block, data, tmp_path, "--shard", "1/2")
    assert not (tmp_path / "out").exists()
    assert len(list(tmp_path.glob("ctlearn_gan_store/reservoir-*/part-*"))) == 1
    make(block, data, tmp_path, "--shard", "2/2")
    monkeypatch.setattr(module, "_write", lambda *_: pytest.fail("it is there already"))
    tool = set_up(tmp_path, data, block, tasks=["energy", "cameradirection"], **NO_CUT)
    features, labels = next(tool.training_loader.as_numpy_iterator())
    assert features.shape[0] == BATCH
    assert labels["cameradirection"].shape == (BATCH, 2)
    (description, *_) = tmp_path.glob("ctlearn_gan_store/*/part-00000/part.json")
    assert json.loads(description.read_text())[0]["accepted"] >= 64


def test_command_without_a_reservoir_to_make_is_refused(block, data, tmp_path):
    from ctlearn_gan_aug.augment.reservoir_tool import MakeReservoir

    online = {k: v for k, v in block.items() if k not in ("mode", "reservoir")}
    for wrong, sentence in ((online, "set mode: reservoir"), (None, "has no gan_augment: block")):
        argv = ["--config", write_config(tmp_path, wrong, **NO_CUT), "--output", "out"]
        with pytest.raises(UserError, match=sentence):
            MakeReservoir().run([*argv, "--signal", str(data / "gamma"), "--reco", "energy"])


def test_reservoir_keys_need_the_mode():
    from ctlearn_gan_aug.config.augment import GanAugmentConfig
    from ctlearn_gan_aug.config.base import parse

    wrong = {"generators": {"gamma": "g"}, "fraction": 0.2, "reservoir": {"images": 10}}
    with pytest.raises(UserError, match="reservoir is for mode: reservoir"):
        parse(GanAugmentConfig, wrong, "x")
