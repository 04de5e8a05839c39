"""Training on observed images: their labels come through the auxiliary alone."""

import json
import os

import keras
import numpy as np
import pytest
import yaml
from astropy.table import vstack
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

#: What the auxiliary of these tests tells.
LABELS = {"labels": ["energy"]}


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
def taken(tmp_path_factory):
    """Other showers than the simulated ones, and what is known of them here alone."""
    from ctlearn_gan_aug.data.toy.simulate import simulate

    folder = tmp_path_factory.mktemp("observation")
    simulate("gamma", 300, 7, folder / "truth.h5", camera="hex271")
    observe(folder / "truth.h5", folder / "run.dl1.h5", {EventType.SKY_PEDESTAL: 50})
    truth = read_events([folder / "truth.h5"]).labels
    (folder / "truth.h5").unlink()
    return folder / "run.dl1.h5", truth


@pytest.fixture(scope="module")
def observation(taken):
    return taken[0]


@pytest.fixture(scope="module")
def config(light_config, small_gamma, observation, auxiliary):
    def make(output, **sections):
        labelling = {"model": str(auxiliary), "weights": {"energy": 0.0}}
        data = {"files": [str(small_gamma)], "observed": [str(observation)]}
        given = {"data": data, "auxiliary": labelling, **LABELS}
        for name, value in sections.items():
            known = given.get(name)
            given[name] = {**known, **value} if isinstance(known, dict) and value else value
        return light_config(output, [], **given)

    return make


RESIDUAL = {
    "generator": {"architecture": "residual", "channels": [16, 16, 12, 4], "embedding": 16},
    "critic": {"architecture": "residual", "channels": [8, 12, 16, 16]},
}


#: Nothing but the auxiliary's loss lets images follow labels.
BLIND = {
    "critic": {
        "architecture": "dcgan",
        "channels": [8, 8, 8],
        "conditioning": "none",
        "label_maps": False,
    },
    "warmup": {"fraction": 0, "final_weight": 0},
}


@pytest.mark.parametrize(
    "sections",
    [
        {"auxiliary": {"weights": {"energy": 0.0}}},
        {"auxiliary": {"match": "zero", "weights": {"energy": 1.0}}, **BLIND},
        {"auxiliary": {"match": "distribution", "weights": {"energy": 1.0}}, **RESIDUAL},
    ],
    ids=["labels", "zero", "distribution"],
)
def test_the_bundle_says_that_its_domain_is_observed(tmp_path, config, observation, sections):
    training = {"steps": 3, "batch_size": 8, "critic_steps": 2}
    bundle = train(config(tmp_path / "run", training=training, **sections))
    data = yaml.safe_load((bundle / "bundle.yaml").read_text())["data"]
    assert data["domain"] == "observed"
    assert data["observed"]["files"] == [observation.name]
    assert data["observed"]["n_events"] == 250
    assert data["n_events"] == 400
    assert len(data["observed"]["sha256"]) == 64
    assert data["observed"]["sha256"] != data["sha256"]
    latest = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert np.isfinite(latest["critic"])
    checks = any(sections["auxiliary"]["weights"].values())
    assert np.isfinite(latest.get("auxiliary", np.nan)) == checks


def test_observed_images_are_learnt_with_labels_of_simulated_events(config, tmp_path, taken):
    run = new_run(config(tmp_path, data={"validation_split": 0.2}))
    assert (len(run.training), len(run.held_out)) == (200, 50)
    batches = run.batches(0)
    first = [Batch(*next(batches)) for _ in range(4)]
    known = sums(run.observed.pixels[:])
    for batch in first:
        assert np.isclose(sums(batch.pixels)[:, None], known, 1e-9).any(axis=1).all()
    later = Batch(*next(run.batches(3)))
    for one, other in zip(first[3][:2], later[:2], strict=True):
        np.testing.assert_array_equal(one, other)

    learnt = vstack([run.training.labels, run.held_out.labels])
    assert np.isin(learnt["log_true_energy"], run.events.labels["log_true_energy"]).all()
    given, true = by_event(learnt), by_event(taken[1])
    energies = np.array([(given[key], true[key]) for key in given])
    assert len(energies) == 250
    assert np.corrcoef(energies.T)[0, 1] > 0.5


def by_event(labels) -> dict:
    """Energies by the keys of their images."""
    keys = zip(*(labels[name].tolist() for name in ("obs_id", "event_id", "tel_id")), strict=True)
    return dict(zip(keys, labels["log_true_energy"].tolist(), strict=True))


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


def test_labels_are_followed_through_the_auxiliary_alone(
    tmp_path, config, simulated, auxiliary, compiled
):
    """By a judge that had no part in the training; an auxiliary that knows nothing teaches none."""
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
    ignorant = regressor(tmp_path / "ignorant.keras", simulated, 0, 1)
    for name, model in (("followed", auxiliary), ("not", ignorant)):
        checking = {"model": str(model), "weights": {"energy": 1.0}}
        train(config(tmp_path / name, training=training, auxiliary=checking), watch=watch(name))
    assert found["followed", 150] > 0.5
    assert found["followed", 150] > found["followed", 1] + 0.3
    assert found["followed", 150] > found["not", 150] + 0.3


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"auxiliary": None}, r"data\.observed: .* through an auxiliary alone; add"),
        ({"auxiliary": {"cotrain": {}}}, r"leave out auxiliary\.cotrain\.$"),
        ({"labels": ["energy", "impact"]}, r"nothing tells the label 'impact' of these images"),
    ],
)
def test_senseless_combinations_are_refused(config, tmp_path, sections, expected):
    with pytest.raises(UserError, match=expected) as error:
        config(tmp_path, **sections)
    assert "\n" not in str(error.value)
    assert not os.listdir(tmp_path)
