"""Training on observed images: labels come through the auxiliary alone."""

import json
import os

import keras
import numpy as np
import pytest
import yaml
from ctapipe.containers import EventType
from killed import Killed, killed_at
from observed_files import observe
from test_training_run import bundle_weights, checkpoint_step

from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.data.pipeline import Batch
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.training.reading import fit_intensity, read_observed_events
from ctlearn_gan_aug.training.run import Run, train

pytestmark = pytest.mark.usefixtures("uncompiled")

#: What a run on observed images needs beside them and its auxiliary.
UNLABELLED = {
    "critic": {
        "architecture": "dcgan",
        "channels": [8, 8, 8],
        "conditioning": "none",
        "label_maps": False,
    },
    "warmup": {"fraction": 0, "final_weight": 0},
    "labels": ["energy"],
}


def regressor(path, events, epochs: int, seed: int, width: int = 8):
    """A small CTLearn-like model of the energy, trained on simulated events."""
    keras.utils.set_random_seed(seed)
    side = events.camera.grid_side
    mapping = events.camera.mapping("ShiftingMapper")
    images = np.stack([(mapping.T @ events.pixels[..., i].T).T for i in range(2)], axis=-1)
    image = keras.Input((side, side, 2))
    x = keras.layers.Rescaling([0.02, 0.0])(image)
    x = keras.layers.Conv2D(width, 3, strides=2, activation="relu")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(2 * width, activation="relu")(x)
    model = keras.Model(image, {"energy": keras.layers.Dense(1, name="energy")(x)})
    model.compile(keras.optimizers.Adam(3e-3), {"energy": "mse"})
    truth = {"energy": np.asarray(events.labels["log_true_energy"])[:, None]}
    model.fit(images.reshape(-1, side, side, 2), truth, 32, epochs, verbose=0)
    model.save(path)
    return path


@pytest.fixture(scope="module")
def simulated(small_gamma):
    return read_events([small_gamma])


@pytest.fixture(scope="module")
def auxiliary(tmp_path_factory, simulated):
    return regressor(tmp_path_factory.mktemp("auxiliary") / "energy.keras", simulated, 20, 1)


@pytest.fixture(scope="module")
def observation(tmp_path_factory):
    """Other showers than the simulated ones."""
    from ctlearn_gan_aug.data.toy.simulate import simulate

    folder = tmp_path_factory.mktemp("observation")
    simulate("gamma", 300, 7, folder / "truth.h5", camera="hex271")
    path = observe(folder / "truth.h5", folder / "run.dl1.h5", {EventType.SKY_PEDESTAL: 50})
    (folder / "truth.h5").unlink()
    return path


@pytest.fixture(scope="module")
def config(light_config, small_gamma, observation, auxiliary):
    def make(output, **sections):
        checked = {"model": str(auxiliary), "weights": {"energy": 1.0}}
        data = {"files": [str(small_gamma)], "observed": [str(observation)]}
        given = {"data": data, "auxiliary": checked, **UNLABELLED}
        for name, value in sections.items():
            known = given.get(name)
            given[name] = {**known, **value} if isinstance(known, dict) and value else value
        return light_config(output, [], **given)

    return make


RESIDUAL = {
    "generator": {"architecture": "residual", "channels": [16, 16, 12, 4], "embedding": 16},
    "critic": {"architecture": "residual", "channels": [8, 12, 16, 16]},
}


@pytest.mark.parametrize(
    ("match", "networks"), [("zero", {}), ("distribution", RESIDUAL)], ids=["zero", "distribution"]
)
def test_the_bundle_says_that_its_domain_is_observed(
    tmp_path, config, observation, match, networks
):
    training = {"steps": 3, "batch_size": 8, "critic_steps": 2}
    sections = {"auxiliary": {"match": match}, "training": training, **networks}
    bundle = train(config(tmp_path / "run", **sections))
    data = yaml.safe_load((bundle / "bundle.yaml").read_text())["data"]
    assert data["domain"] == "observed"
    assert data["observed"]["files"] == [observation.name]
    assert data["observed"]["n_events"] == 250
    assert data["n_events"] == 400
    assert len(data["observed"]["sha256"]) == 64
    assert data["observed"]["sha256"] != data["sha256"]
    latest = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert np.isfinite([latest["auxiliary"], latest["critic"]]).all()


def test_the_critic_is_shown_observed_images_and_the_auxiliary_simulated_ones(config, tmp_path):
    run = new_run(config(tmp_path, data={"validation_split": 0.2}))
    assert (len(run.domain.training), len(run.domain.held_out)) == (200, 50)
    known = {name: sums(getattr(run, name).pixels[:]) for name in ("events", "observed")}
    batches = run.batches(0)
    first = [Batch(*next(batches)) for _ in range(4)]
    for batch in first:
        assert np.isclose(sums(batch.observed)[:, None], known["observed"], 1e-9).any(axis=1).all()
        assert np.isclose(sums(batch.pixels)[:, None], known["events"], 1e-9).any(axis=1).all()
    later = Batch(*next(run.batches(3)))
    for one, other in zip(first[3], later, strict=True):
        np.testing.assert_array_equal(one, other)


def sums(pixels) -> np.ndarray:
    """What tells images apart, turned or not."""
    return np.asarray(pixels, dtype=float).sum(axis=(1, 2))


def new_run(config) -> Run:
    from ctlearn_gan_aug.training.reading import read_training_events

    events = read_training_events(config)
    labels = LabelSet.fit(config.labels, events.labels)
    return Run(config, events, labels, 0.0, observed=read_observed_events(config, events))


def test_night_sky_is_observed_and_limits_hold_both(simulated):
    from dataclasses import replace

    observed = replace(simulated, pixels=simulated.pixels[:200] * 0.5 + 1.0)
    observed = replace(observed, masks=simulated.masks[:200])
    found = fit_intensity(simulated, observed)
    alone = [fit_intensity(events) for events in (observed, simulated)]
    assert found.pedestal == alone[0].pedestal
    assert found.charge_scale == alone[0].charge_scale
    for name in ("charge_limits", "time_limits"):
        limits = np.array([getattr(one, name) for one in alone])
        assert getattr(found, name) == (limits[:, 0].min(), limits[:, 1].max())


def test_killed_and_resumed_equals_uninterrupted(tmp_path, config):
    training = {"steps": 8, "batch_size": 8, "checkpoint_every": "0.001 s", "critic_steps": 2}
    whole = train(config(tmp_path / "whole", training=training))
    killed = config(tmp_path / "killed", training=training)
    with pytest.raises(Killed):
        train(killed, watch=killed_at(5))
    assert checkpoint_step(tmp_path / "killed" / "checkpoint.safetensors") == 4
    assert bundle_weights(train(killed, resume=True)) == bundle_weights(whole)


def test_a_time_budget_ends_the_run(tmp_path, config):
    bundle = train(config(tmp_path / "run", training={"steps": None, "budget": "2 s"}))
    assert bundle.exists()


def test_labels_are_followed_through_the_auxiliary_alone(tmp_path, config, simulated, compiled):
    """By a judge that had no part in the training; an auxiliary without weight teaches nothing."""
    judge_path = regressor(tmp_path / "judge.keras", simulated, 20, 5, width=12)
    judge = keras.models.load_model(judge_path, compile=False)
    mapping = simulated.camera.mapping("ShiftingMapper")
    side = simulated.camera.grid_side
    truth = np.asarray(simulated.labels["log_true_energy"])

    def correlation(pixels) -> float:
        images = np.stack([(mapping.T @ pixels[..., i].T).T for i in range(2)], axis=-1)
        found = judge.predict(images.reshape(-1, side, side, 2), verbose=0)["energy"][:, 0]
        return float(np.corrcoef(found, truth)[0, 1])

    found = {}

    def watch(name):
        def note(number, run):
            if number in (1, 150):
                found[name, number] = correlation(run.generate(simulated.labels))

        return note

    training = {"steps": 150, "batch_size": 32, "learning_rate": 1e-3, "snapshots": 0, "ema": 0.9}
    for name, weight in (("followed", 1.0), ("not", 1e-9)):
        checked = {"weights": {"energy": weight}}
        run = config(tmp_path / name, auxiliary=checked, training=training)
        train(run, watch=watch(name))
    assert found["followed", 150] > 0.5
    assert found["followed", 150] > found["followed", 1] + 0.3
    assert found["followed", 150] > found["not", 150] + 0.3


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"auxiliary": None}, r"data\.observed: .* through the auxiliary alone; add"),
        ({"critic": {"conditioning": "projection"}}, r"critic could be told; set critic\.cond"),
        ({"critic": {"moments": True}}, r"critic could be told; set critic\.cond"),
        ({"critic": {"label_head": 1.0}}, r"set critic\.label_head: 0\.$"),
        ({"vicinity": {"kind": "soft"}}, r"leave out the vicinity section\.$"),
        ({"warmup": {"fraction": 0.5}}, r"set warmup\.fraction: 0 and warmup\.final_weight: 0\."),
        ({"warmup": {"final_weight": 1.0}}, r"pairs teach what simulated images look like"),
        ({"labels": ["energy", "impact"]}, r"nothing lets images follow the label 'impact'"),
    ],
)
def test_senseless_combinations_are_refused(config, tmp_path, sections, expected):
    with pytest.raises(UserError, match=expected) as error:
        config(tmp_path, **sections)
    assert "\n" not in str(error.value)
    assert not os.listdir(tmp_path)
