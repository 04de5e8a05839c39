"""InfoGAN's codes: chosen numbers of the latent vector that show in the image."""

import json

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.cli.main import cli
from ctlearn_gan_aug.config.networks import CodesConfig
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.models.codes import chosen_latents, codes_of
from ctlearn_gan_aug.sampling.codes import scan_code
from ctlearn_gan_aug.sampling.generate import Sampler
from ctlearn_gan_aug.training.losses import information_loss
from ctlearn_gan_aug.training.run import train

CODES = {"continuous": 1, "categorical": [3], "weight": 3.0}


def coded(**sections):
    """Changes of a training configuration that give it codes."""
    generator = {"channels": [16, 16, 12, 4], "latent": 8, "embedding": 16, "codes": CODES}
    return {"generator": generator, **sections}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, toy_gamma, tiny_config):
    return train(tiny_config(tmp_path_factory.mktemp("codes"), [toy_gamma], **coded()))


def test_information_loss_by_hand():
    config = CodesConfig(continuous=1, categorical=[2])
    codes = np.array([[0.5, 1, 0], [-1.0, 0, 1]], np.float32)
    found = np.array([[1.5, 2, 0], [-1.0, 0, 0]], np.float32)
    expected = 0.5 * (0.5 + np.log(1 + np.exp(-2.0)) + np.log(2.0))
    assert float(information_loss(found, codes, config)) == pytest.approx(expected, rel=1e-6)


def test_codes_are_normal_numbers_and_equally_likely_categories():
    config = CodesConfig(continuous=2, categorical=[3, 2])
    latent = np.random.default_rng(0).normal(size=(30_000, 10)).astype(np.float32)
    codes = np.asarray(codes_of(tf.constant(latent), config))
    assert codes.shape == (30_000, 7)
    np.testing.assert_array_equal(codes[:, :2], latent[:, :2])
    for part in config.parts[2:]:
        assert (codes[:, part].sum(axis=1) == 1).all()
        share = codes[:, part].mean(axis=0)
        np.testing.assert_allclose(share, 1 / len(share), atol=0.02)


def test_a_chosen_code_leaves_the_others_free():
    config = CodesConfig(continuous=1, categorical=[3])
    assert chosen_latents(config, 0, -2.0)[0] == -2.0
    latent = chosen_latents(config, 1, 2)
    assert np.isnan(latent[0])
    latent[0] = 0.3
    codes = np.asarray(codes_of(tf.constant(latent[None]), config))
    np.testing.assert_allclose(codes, [[0.3, 0, 0, 1]], rtol=1e-6)


def test_images_of_a_code_differ_by_it_alone(bundle):
    opened = load_bundle(bundle)
    labels = opened.label_table[:2]
    images, values = scan_code(Sampler(opened, 3), labels, 0)
    assert images.shape[:2] == (2, 5) and values.tolist() == [-2, -1, 0, 1, 2]
    assert (images[:, 0] != images[:, 4]).any()
    by_category, values = scan_code(Sampler(opened, 3), labels, 1)
    assert values.tolist() == [0, 1, 2]
    # One of the categories is the one that is drawn without a choice.
    drawn = Sampler(opened, 3).generate(labels)
    apart = np.sort(np.abs(by_category - drawn[:, None]).mean(axis=(2, 3)), axis=1)
    assert (apart[:, 0] < 0.02 * apart[:, 1]).all(), apart  # but for rounding, which batches decide


def test_a_bundle_with_codes_says_so_and_keeps_its_critic(bundle):
    opened = load_bundle(bundle)
    assert opened.meta.generator.codes.categorical == [3]
    assert opened.critic.output["found_codes"].shape[-1] == 4


def test_preview_draws_what_a_code_does(bundle, tiny_bundle, tmp_path):
    options = ["--n-images", "2", "--output", str(tmp_path / "x.png")]
    assert CliRunner().invoke(cli, ["preview", str(bundle), "--code", "1", *options]).exit_code == 0
    assert (tmp_path / "x.png").read_bytes()[1:4] == b"PNG"
    options[-1] = str(tmp_path / "y.png")
    result = CliRunner().invoke(cli, ["preview", str(bundle), "--code", "2", *options])
    assert "there is no code 2; this generator has codes 0 to 1" in str(result.exception)
    result = CliRunner().invoke(cli, ["preview", str(tiny_bundle), "--code", "0", *options])
    assert "this generator has no codes (generator.codes)" in str(result.exception)
    assert not (tmp_path / "y.png").exists()


@pytest.mark.parametrize(
    ("generator", "expected"),
    [
        ({"codes": {"continuous": 0}}, "codes needs continuous or categorical ones"),
        ({"codes": {"continuous": 9}, "latent": 8}, "codes take 9 entries of the latent vector"),
        ({"codes": {"categorical": [1]}}, "greater than or equal to 2"),
    ],
)
def test_codes_that_make_no_sense(generator, expected, tiny_config, tmp_path):
    with pytest.raises(UserError, match=expected):
        tiny_config(tmp_path, [], generator=generator)


@pytest.mark.parametrize("critic", ["residual", "dcgan"])
def test_codes_are_found_in_the_images(critic, tiny_config, toy_gamma, tmp_path):
    dcgan = {"architecture": "dcgan", "channels": [8, 8, 8]}
    training = {"steps": 80, "batch_size": 16, "learning_rate": 3e-3, "snapshots": 0}
    sections = {"training": training, "warmup": {"fraction": 0, "final_weight": 0}}
    sections |= {"critic": dcgan | {"label_maps": False}} if critic == "dcgan" else {}
    generator = dcgan | {"latent": 8, "codes": CODES}
    train(tiny_config(tmp_path, [toy_gamma], generator=generator, **sections))
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    found = [row["codes"] for row in rows if "codes" in row]
    guess = 0.5 + np.log(3)
    assert found[-1] < 0.75 * guess


def test_a_time_budget_ends_the_run(tiny_config, toy_gamma, tmp_path):
    training = {"steps": None, "budget": "2 s", "batch_size": 8, "snapshots": 0}
    bundle = load_bundle(train(tiny_config(tmp_path, [toy_gamma], **coded(), training=training)))
    assert bundle.meta.generator.codes.size == 4
