"""The auxiliary learns on beside the GAN, and simulated images keep it honest."""

import json
import signal

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file
from test_auxiliary import small_model

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.camera import Camera
from ctlearn_gan_aug.dl1.subarray import read_subarray
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.training.run import train

pytestmark = pytest.mark.usefixtures("uncompiled")

STEPS = 24


@pytest.fixture(scope="module")
def model_file(small_gamma, tmp_path_factory):
    """A CTLearn-like model that knows nothing yet."""
    keras.utils.set_random_seed(1)
    side = Camera.from_subarray(read_subarray(small_gamma), 1).grid_side
    path = tmp_path_factory.mktemp("auxiliary") / "ctlearn_model.keras"
    small_model(side, "energy", "cameradirection").save(path)
    return path


@pytest.fixture
def config(light_config, small_gamma, model_file):
    def make(output, steps=STEPS, budget=None, **cotrain):
        auxiliary = {"model": str(model_file), "cotrain": {"learning_rate": 3e-3, **cotrain}}
        training = {"steps": steps, "budget": budget, "batch_size": 16, "snapshots": 0}
        sections = {"auxiliary": auxiliary, "training": training, "warmup": {"fraction": 0}}
        return light_config(output, [small_gamma], **sections)

    return make


def rows(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_it_learns_on_and_is_no_worse_on_simulation(config, tmp_path):
    found = load_bundle(train(config(tmp_path, start=0.0, interval=1))).meta.training
    assert found["anchor_after"] < 0.9 * found["anchor_before"]
    assert all("anchor" in row and "taught" in row for row in rows(tmp_path) if "critic" in row)


def test_generated_images_count_as_much_as_they_shall(config, tmp_path):
    """Their labels have nothing to do with these images: the more they count, the worse it gets."""
    after = {}
    for weight in (0.0, 10.0):
        output = tmp_path / str(weight)
        bundle = load_bundle(train(config(output, start=0.0, interval=1, generated=weight)))
        after[weight] = bundle.meta.training["anchor_after"]
    assert after[0.0] < after[10.0]


def test_it_begins_when_it_shall_in_turn(config, tmp_path, monkeypatch):
    from ctlearn_gan_aug.training.cotraining import Cotraining

    due = []

    def is_due(self, number, fraction):
        due.append((number, original(self, number, fraction)))
        return due[-1][1]

    original = Cotraining.is_due
    monkeypatch.setattr(Cotraining, "is_due", is_due)
    train(config(tmp_path, start=0.5, interval=4))
    assert [number for number, is_so in due if is_so] == list(range(STEPS // 2, STEPS, 4))


def test_resumed_is_uninterrupted(config, tmp_path):
    options = {"start": 0.2, "interval": 2}
    whole = train(config(tmp_path / "whole", **options))

    def stop(number, run):
        if number == STEPS // 2:
            signal.raise_signal(signal.SIGINT)

    part = config(tmp_path / "part", **options)
    with pytest.raises(UserError, match=f"interrupted at step {STEPS // 2}"):
        train(part, watch=stop)
    resumed = train(part, resume=True)
    weights = [load_file(bundle / "generator.safetensors") for bundle in (whole, resumed)]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    anchors = [load_bundle(bundle).meta.training["anchor_after"] for bundle in (whole, resumed)]
    assert anchors[0] == anchors[1]


def test_a_time_budget_ends_the_run(config, tmp_path):
    bundle = train(config(tmp_path, steps=None, budget="4 s", start=0.2, interval=1))
    assert "anchor_after" in load_bundle(bundle).meta.training


def test_a_type_without_label_cannot_be_taught(light_config, tmp_path, model_file):
    auxiliary = {"model": str(model_file), "match": "distribution", "cotrain": {}}
    with pytest.raises(UserError, match="cotrain: with match: distribution the type is compared"):
        light_config(tmp_path, [], auxiliary=auxiliary | {"weights": {"type": 1.0}})
