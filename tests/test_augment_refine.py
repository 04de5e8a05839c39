"""A block's refiner: generated and simulated images go through it before the quality cut."""

import numpy as np
import pytest
from augment_fakes import fake_stream, make_untrained_bundle
from refine_fakes import make_refiner

from ctlearn_gan_aug.augment import build
from ctlearn_gan_aug.augment.batch_plan import BatchPlan
from ctlearn_gan_aug.augment.stream import Tally
from ctlearn_gan_aug.augment.summary import plan_lines
from ctlearn_gan_aug.config.augment import GanAugmentConfig
from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.data.feed import StoreFeed
from ctlearn_gan_aug.data.store import open_store
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.refiner import load_refiner

BRIGHTER = 0.2


@pytest.fixture(scope="module")
def refiner(tmp_path_factory, toy_gamma):
    return make_refiner(toy_gamma, tmp_path_factory.mktemp("refiner") / "bundle", BRIGHTER)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory, toy_gamma):
    return make_untrained_bundle(toy_gamma, tmp_path_factory.mktemp("untrained") / "bundle")


def training_of(path, folder, criteria=(), channels=("image", "peak_time")):
    """The simulated side of a training on a file."""
    from ctlearn.core.loader import DLDataLoader
    from dl1_data_handler.reader import DLImageReader
    from traitlets.config import Config

    config = Config()
    config.DLImageReader.image_mapper_type = [("type", "*", "ShiftingMapper")]
    config.DLImageReader.channels = list(channels)
    config.TableQualityQuery.quality_criteria = [tuple(pair) for pair in criteria]
    reader = DLImageReader([str(path)], config=config)
    events = reader.example_identifiers
    loader = DLDataLoader(reader, list(range(len(events))), ["energy"], batch_size=20)
    block = GanAugmentConfig(generators={"gamma": "x"}, fraction=0.5)
    feed = StoreFeed(loader, open_store(folder, reader, events, channels).pixels)
    return build.Training(loader, ["energy"], BatchPlan.of(block, 20, 1), feed)


def images(block, training):
    """The first images of a block's only region, and what was counted."""
    source = build.synthetic_source(block, build.load_bundles(block), training)
    (stream,) = source.streams
    tally = Tally()
    return stream, next(stream.chunks(0, tally)), tally


def block_of(generator, refine=None):
    content = {"generators": {"gamma": str(generator)}, "fraction": 0.5}
    return parse(GanAugmentConfig, content | ({"refine": str(refine)} if refine else {}))


def brighter(charge, path):
    intensity = load_refiner(path).intensity
    scale = intensity.charge_scale
    found = scale * np.sinh(np.arcsinh(charge / scale) + 2 * BRIGHTER)
    return np.clip(found, *intensity.charge_limits)


@pytest.mark.parametrize("origin", ["simulation", "generator"])
def test_images_are_refined(tmp_path, toy_gamma, refiner, untrained, origin):
    training = training_of(toy_gamma, tmp_path)
    generator = untrained if origin == "generator" else origin
    stream, plain, _ = images(block_of(generator), training)
    assert stream.refiner_id is None
    stream, refined, tally = images(block_of(generator, refiner), training)
    assert stream.refiner_id == "refiner-0.2"
    assert tally.accepted == tally.generated == len(refined) == len(plain)
    np.testing.assert_allclose(
        refined.pixels[..., 0], brighter(plain.pixels[..., 0], refiner), rtol=1e-3, atol=1e-3
    )
    np.testing.assert_array_equal(refined.labels["energy"], plain.labels["energy"])


def test_cuts_are_those_of_refined_images(tmp_path, toy_gamma, refiner):
    """Fainter images pass than without; they had passed before they were refined, too."""
    cut = [("light", "hillas_intensity > 60"), ("bright", "hillas_intensity < 400")]
    training = training_of(toy_gamma, tmp_path, cut)
    stream, found, tally = images(block_of("simulation", refiner), training)
    assert 0.2 * tally.generated < tally.accepted < 0.95 * tally.generated
    assert len(found) == tally.accepted
    assert stream.refined.selection.of_pixels(found.pixels).all()


def test_a_reservoir_of_refined_images_is_another_one():
    stream = fake_stream()
    plain = stream.identity()
    stream.sampler.refiner_id = "refined"
    assert stream.identity() == plain | {"refiner": "refined"}


def test_what_does_not_suit_is_refused(tmp_path, toy_gamma, refiner, untrained):
    charges = make_refiner(toy_gamma, tmp_path / "charges", 0.1, channels=("image",))
    with pytest.raises(UserError, match=r"refines images with image, but .*untrained"):
        build.load_bundles(block_of(untrained, charges))
    training = training_of(toy_gamma, tmp_path, channels=("image",))
    with pytest.raises(UserError, match="own simulated events has image; use a refiner"):
        images(block_of("simulation", refiner), training)
    for refine, message in (({"proton": "x"}, "refine names 'proton'"), (3, "refine")):
        content = {"generators": {"gamma": "x"}, "fraction": 0.5, "refine": refine}
        with pytest.raises(UserError, match=message):
            parse(GanAugmentConfig, content)
    with pytest.raises(UserError, match="refine needs generators"):
        parse(GanAugmentConfig, {"symmetries": True, "refine": "x"})


def test_the_log_says_that_images_are_refined():
    from types import SimpleNamespace

    stream = fake_stream()
    stream.sampler.refiner_id = "some refiner"
    plan = SimpleNamespace(
        n_generated=5, n_simulated=5, size=10, schedule=SimpleNamespace(is_constant=True)
    )
    mixed = SimpleNamespace(plan=plan, sample_weight=None, n_turns=1, steps=3)
    source = SimpleNamespace(streams=[stream])
    assert "refined by some refiner." in plan_lines(mixed, source, [Tally(5, 5)], 2)[-1]
