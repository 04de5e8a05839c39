"""What evaluations share: kept once, found again, made anew where anything differs."""

import numpy as np
import pytest

from ctlearn_gan_aug.dl1.cleaning import CleaningSettings
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.evaluate import cache as room
from ctlearn_gan_aug.evaluate import image_fidelity, label_fidelity
from ctlearn_gan_aug.evaluate.cache import Cache
from ctlearn_gan_aug.evaluate.judges import Judge
from ctlearn_gan_aug.evaluate.sample import Sample

ARRAYS = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array([1, 2])}


def never():
    raise AssertionError("made again")


def equal(found):
    return all((found[name] == values).all() for name, values in ARRAYS.items())


@pytest.fixture()
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def test_an_entry_is_made_once(cache):
    cache.get("kind", {"seed": 1}, lambda: ARRAYS)
    again = Cache(cache.folder)
    assert equal(again.get("kind", {"seed": 1}, never)) and again.found == ["kind"]
    assert cache.found == []


@pytest.mark.parametrize("kind, content", [("other", {"seed": 1}), ("kind", {"seed": 2})])
def test_another_content_is_another_entry(cache, kind, content):
    cache.get("kind", {"seed": 1}, lambda: ARRAYS)
    with pytest.raises(AssertionError, match="made again"):
        cache.get(kind, content, never)


def test_another_format_is_another_entry(cache, monkeypatch):
    cache.get("kind", {}, lambda: ARRAYS)
    monkeypatch.setattr(room, "FORMAT", room.FORMAT + 1)
    with pytest.raises(AssertionError, match="made again"):
        cache.get("kind", {}, never)


def test_a_damaged_entry_is_made_anew(cache):
    cache.get("kind", {}, lambda: ARRAYS)
    (path,) = cache.folder.iterdir()
    path.write_bytes(path.read_bytes()[:20])
    assert equal(cache.get("kind", {}, lambda: ARRAYS))
    assert equal(cache.get("kind", {}, never))


def test_an_entry_of_other_shapes_is_made_anew(cache):
    shapes = {name: values.shape for name, values in ARRAYS.items()}
    cache.get("kind", {}, lambda: {"a": np.zeros(1)})
    assert equal(cache.get("kind", {}, lambda: ARRAYS, like=shapes))
    assert equal(cache.get("kind", {}, never, like=shapes))


def test_without_folder_nothing_is_kept():
    assert equal(Cache().get("kind", {}, lambda: ARRAYS))
    with pytest.raises(AssertionError, match="made again"):
        Cache().get("kind", {}, never)


def test_the_least_used_entries_make_way(cache, monkeypatch):
    monkeypatch.setattr(room, "MAX_ENTRIES", 3)
    for seed in range(5):
        cache.get("kind", {"seed": seed}, lambda: ARRAYS)
    assert len(list(cache.folder.iterdir())) == 3
    cache.get("kind", {"seed": 4}, never)


def test_an_impossible_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--no-cache"):
        Cache(tmp_path / "file" / "cache")


def test_the_default_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert room.default_folder() == tmp_path / "ctlearn_gan_aug" / "evaluation"


# --- of real things ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves(toy_gamma):
    from ctlearn_gan_aug.data.events import read_events

    return Sample.of(read_events([toy_gamma])).halves(0)


def test_a_digest_sees_every_pixel_and_label(halves):
    sample = halves[0]
    digest = room.digest(sample)
    assert room.digest(sample.select(slice(None))) == digest
    pixels = sample.pixels.copy()
    pixels[-1, -1, 0] += 1
    labels = sample.labels.copy()
    labels["true_energy"][0] *= 1.001
    changed = [
        sample.with_pixels(pixels),
        Sample(sample.pixels, labels, sample.camera, sample.channels),
        sample.select(slice(1, None)),
    ]
    assert len({digest, *map(room.digest, changed)}) == 4


def test_a_judge_is_trained_once(halves, cache, monkeypatch):
    options = {"n_images": 640, "seed": 0, "progress": lambda n: None}
    first = label_fidelity.judge_labels(*halves, halves[1], **options, cache=cache)
    monkeypatch.setattr(Judge, "train", lambda *arguments: never())
    again = label_fidelity.judge_labels(*halves, halves[1], **options, cache=cache)
    for name in ("energy", "direction"):
        one, other = first.simulated[name].predicted, again.simulated[name].predicted
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(*(x.features[0] for x in (first, again)), rtol=1e-4, atol=1e-5)
    for change in ({"seed": 1}, {"n_images": 1280}):
        with pytest.raises(AssertionError, match="made again"):
            label_fidelity.judge_labels(*halves, halves[1], **{**options, **change}, cache=cache)
    with pytest.raises(AssertionError, match="made again"):  # other training images
        label_fidelity.judge_labels(*halves[::-1], halves[0], **options, cache=cache)


def test_measured_images_are_the_same_from_the_cache(halves, cache):
    cleaning = CleaningSettings(picture=7.0, boundary=4.0, min_neighbors=1)
    changed = halves[0].with_pixels(halves[0].pixels * np.float32(1.2))
    found = [
        image_fidelity.judge_images(changed, *halves, cleaning, seed=0, cache=cache)
        for _ in range(2)
    ]
    assert cache.found == ["measured", "measured"]
    assert [list(x.simulated) == list(x.generated) for x in found] == [True, True]
    first, again = (x.metrics for x in found)
    assert first["images"]["auc"] == again["images"]["auc"]
    assert first["images"]["fpd"] == again["images"]["fpd"]
    assert first["diversity"] == again["diversity"]
