"""The benchmark measures what it says, on whatever it is given, and says so when it cannot."""

import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from ctlearn_gan_aug import benchmark as room
from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.cli.benchmark import _table, command
from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.models.flops import model_flops
from ctlearn_gan_aug.training.criticism import Turns


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(room, "_PEAK_SIDE", 64)
    monkeypatch.setattr("ctlearn_gan_aug.evaluate.cost.BATCHES", (1, 20))
    monkeypatch.setattr("ctlearn_gan_aug.evaluate.cost._SECONDS", 0.0)


def figures(*arguments) -> dict:
    result = CliRunner().invoke(command, [str(a) for a in (*arguments, "--json")])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout[result.stdout.index("{") :])


def test_bundle_generates_and_is_not_trained(tiny_bundle):
    speed = figures(tiny_bundle)
    assert speed["training"] == {}
    assert set(speed["generation"]) == {"batch_1", "batch_20"}
    assert all(entry["images_per_second"] > 0 for entry in speed["generation"].values())
    flops = model_flops(load_bundle(tiny_bundle).generator)
    assert speed["generation_flops"] == {"as_trained": flops, "as_used": flops}
    assert all(peak > 0 for peak in speed["peak"].values())


def test_configuration_is_trained_and_generates(tmp_path, toy_gamma):
    path = tmp_path / "config.yaml"
    path.write_text(
        "particle: gamma\nlabels: [energy, cameradirection]\n"
        "generator: {architecture: dcgan, channels: [8, 8], latent: 8}\n"
        "critic: {architecture: dcgan, channels: [8, 8], conditioning: none, label_maps: false}\n"
        "loss: {adversarial: wasserstein, regularizer: gradient_penalty, interval: 1}\n"
        f"data: {{store: {tmp_path / 'store'}}}\n"
        "training: {epochs: 3, batch_size: 512, critic_steps: 2}\noutput: never\n"
    )
    speed = figures(path, "--input", toy_gamma, "--batch-size", 8, "--steps", 1)
    assert speed["training"]["images_per_second"] > 0
    assert 0 < speed["generation_flops"]["as_used"] < speed["generation_flops"]["as_trained"]
    assert not (tmp_path / "never").exists()


def test_toy_data_where_there_are_none(tmp_path, tiny_config):
    config = tiny_config(tmp_path / "run", [])
    config, events = room.read_for(config, tmp_path)
    assert len(events) >= 2 * config.training.batch_size
    assert config.data.quality_criteria == []


def test_table_shows_rates_beside_the_peak():
    speed = room.Speed(
        peak={"float32": 2e9},
        training={"images_per_second": 10.0, "flops": 5e7},
        generation={"batch_1": {"images_per_second": 1000.0}},
        generation_flops={"as_trained": 3e6, "as_used": 1e6},
    )
    console = Console(width=120)
    with console.capture() as captured:
        console.print(_table("name", speed))
    text = captured.get()
    for expected in ("25.0%", "50.0%", "1000.0", "2 GFLOP/s float32", "3.0 MFLOP"):
        assert expected in text


@pytest.mark.parametrize(
    ("interval", "critic_steps", "steps", "expected"),
    [(1, 5, None, 3), (16, 1, None, 16), (16, 1, 20, 32), (16, 4, None, 4), (4, 6, 1, 2)],
)
def test_timed_steps_hold_the_regulariser_as_often_as_a_run(
    interval, critic_steps, steps, expected
):
    config = parse(
        TrainConfig,
        {
            "particle": "gamma",
            "loss": {"interval": interval},
            "training": {"steps": 1, "critic_steps": critic_steps},
        },
    )
    found = room._timed_steps(config, steps)
    assert found == expected
    regularised = sum(i % interval == 0 for i in range(found * critic_steps))
    assert regularised == found * critic_steps / interval


@pytest.mark.parametrize(
    ("interval", "label_interval", "critic_steps", "expected"),
    [(1, 1, 1, 1), (16, 1, 1, 2), (16, 2, 1, 3), (16, 2, 4, 2), (3, 2, 1, 4)],
)
def test_what_is_timed_is_compiled_already(
    tiny_config, interval, label_interval, critic_steps, expected
):
    """Tracing a step takes as long as dozens of steps: none is left for the timed ones."""
    config = tiny_config(
        "unused",
        [],
        loss={"interval": interval},
        critic={"label_interval": label_interval},
        training={"steps": 1, "critic_steps": critic_steps},
    )
    warm = room._warm_steps(config)
    updates = [Turns.of(config, number) for number in range(critic_steps * (warm + 100))]
    assert set(updates) == set(updates[: critic_steps * warm])
    assert warm == expected


def test_training_flops_by_hand(tiny_config, monkeypatch):
    """WGAN-GP with two critic steps, in passes: see the docstring."""
    monkeypatch.setattr("ctlearn_gan_aug.models.flops.model_flops", lambda model: model)
    config = tiny_config(
        "unused",
        [],
        loss={"adversarial": "wasserstein", "regularizer": "gradient_penalty", "interval": 1},
        training={"steps": 1, "critic_steps": 2},
    )
    generator, critic = 1, 1000
    expected = 2 * (6 + 4) * critic + critic + (1 + 3) * generator
    assert room.training_flops(config, generator, critic) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("absent/bundle", "no such bundle or configuration"),
        ("absent.yaml", "no such bundle or configuration"),
        ("demo_gama", "did you mean 'demo_gamma'"),
    ],
)
def test_unknown_targets(target, expected):
    with pytest.raises(UserError, match=expected):
        room.benchmark(target, [])


def test_a_folder_that_is_no_bundle(tmp_path):
    with pytest.raises(UserError, match="no generator bundle"):
        room.benchmark(str(tmp_path), [])
