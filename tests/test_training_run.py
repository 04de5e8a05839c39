"""A whole run: the bundle works, an interrupted run ends where an uninterrupted one does."""

import json
import logging
import os
import pickletools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.models.scoring import Scores
from ctlearn_gan_aug.sampling.generate import Sampler
from ctlearn_gan_aug.sampling.regions import sample_labels
from ctlearn_gan_aug.training import adaptive
from ctlearn_gan_aug.training.describe import describe
from ctlearn_gan_aug.training.folder import prepare_output, with_precision
from ctlearn_gan_aug.training.networks import computing_in
from ctlearn_gan_aug.training.reading import read_training_events
from ctlearn_gan_aug.training.run import Run, train

pytestmark = pytest.mark.usefixtures("uncompiled")


def bundle_weights(path: Path) -> bytes:
    return (path / "generator.safetensors").read_bytes()


def test_run_folder_holds_what_a_user_expects(tiny_bundle):
    run = tiny_bundle.parent
    assert {p.name for p in run.iterdir()} == {
        "bundle",
        "checkpoint.safetensors",
        "config.yaml",
        "metrics.jsonl",
        "samples",
        "store",
        "tensorboard",
    }
    assert list((run / "samples").glob("*.png"))
    description = yaml.safe_load((tiny_bundle / "bundle.yaml").read_text())
    assert description["particle"] == "gamma"
    assert description["labels"]["columns"]["log_true_energy"]["unit"] == "log10(TeV)"
    assert description["data"]["n_events"] == 400


THESIS = {
    "generator": {"architecture": "dcgan", "channels": [8, 8, 8]},
    "critic": {
        "architecture": "dcgan",
        "conditioning": "none",
        "label_maps": False,
        "channels": [8, 32, 40],
        "dropout": 0.3,
    },
    "loss": {"adversarial": "wasserstein", "regularizer": "gradient_penalty", "interval": 1},
}


@pytest.mark.parametrize(
    ("sections", "options"),
    [
        ({}, {"symmetries": "adaptive"}),
        ({"data": {"validation_split": 0.3}, **THESIS}, {"snapshots": 3}),
        (THESIS, {"precision": "mixed_bfloat16"}),
        (
            {"generator": {"codes": {"continuous": 1, "categorical": [3]}, "ellipse": True}},
            {"optimizer": "muon"},
        ),
    ],
    ids=["adaptive", "snapshots", "thesis-bfloat16", "codes-ellipse-muon"],
)
def test_resumed_equals_uninterrupted(
    tmp_path, small_gamma, tiny_config, monkeypatch, sections, options
):
    """Interrupt by a real signal in the middle, resume, and compare to the bit."""
    training = {"steps": 6, "batch_size": 8, "critic_steps": 2, **options}
    steps = {**sections, "training": training}
    with_haste(monkeypatch)
    whole = train(tiny_config(tmp_path / "whole", [small_gamma], **steps))

    from ctlearn_gan_aug.training.loop import Loop

    original, calls = Loop._one_step, []

    def interrupting(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, *arguments)

    config = tiny_config(tmp_path / "parts", [small_gamma], **steps)
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_one_step", interrupting)
        with pytest.raises(UserError, match="interrupted at step 3; go on with --resume"):
            train(config)
    assert not (tmp_path / "parts" / "bundle").exists()
    parts = train(config, resume=True)
    assert bundle_weights(parts) == bundle_weights(whole)
    states = [load_file(bundle.parent / "checkpoint.safetensors") for bundle in (whole, parts)]
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name], err_msg=name)
    if "symmetries" in options:
        assert 0 < states[0]["adaptive/000"] < 1
        latest = json.loads((parts.parent / "metrics.jsonl").read_text().splitlines()[-1])
        assert latest["ada"] == pytest.approx(float(states[0]["adaptive/000"]), abs=1e-6)


def test_a_run_can_be_watched_and_ended(tmp_path, small_gamma, light_config):
    seen = {}

    class Enough(Exception):
        pass

    def watch(number, run):
        seen[number] = run.generate(run.held_out.labels[:3])
        if number == 2:
            raise Enough

    config = light_config(tmp_path / "run", [small_gamma], training={"steps": 6})
    with pytest.raises(Enough):
        train(config, watch=watch)
    assert list(seen) == [1, 2]
    assert seen[1].shape == (3, read_training_events(config).camera.n_pixels, 2)
    assert not np.array_equal(seen[1], seen[2])
    assert train(config, resume=True).is_dir()  # the folder is as an interrupted run leaves it


def test_the_best_snapshot_goes_into_the_bundle(tmp_path, small_gamma, light_config):
    sections = {"data": {"validation_split": 0.3}, "training": {"steps": 6, "snapshots": 3}}
    bundle = train(light_config(tmp_path / "run", [small_gamma], **sections))
    lines = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    found = {x["step"]: x for x in lines if "snapshot_score" in x}
    scores = {step: x["snapshot_score"] for step, x in found.items()}
    assert sorted(scores) == [2, 4, 6]
    said = load_bundle(bundle).meta.training
    # The last state that was, when it came, not clearly worse than the best before it.
    chosen = [
        step
        for step, score in scores.items()
        if score <= min(scores[s] for s in scores if s <= step) + found[step]["snapshot_error"]
    ][-1]
    assert said["snapshot_step"] == chosen
    assert said["snapshot_score"] == pytest.approx(scores[chosen], abs=1e-6)
    assert said["snapshot_lowest"] == pytest.approx(min(scores.values()), abs=1e-6)
    best = load_file(tmp_path / "run" / "best.safetensors")
    kept = load_bundle(bundle).generator.get_weights()
    for name, weights in zip(sorted(best), kept, strict=True):
        np.testing.assert_array_equal(best[name], weights)


def with_haste(monkeypatch) -> None:
    """Let the probability of adaptive symmetries rise within a few steps, whatever the scores."""
    monkeypatch.setattr(adaptive, "TARGET", -2.0)
    monkeypatch.setattr(adaptive, "RISE", 150)


def test_a_resumed_run_keeps_its_precision(tmp_path, tiny_config, monkeypatch):
    """Also on a machine where `auto` would have been decided otherwise."""
    config = tiny_config(tmp_path / "run", ["x.h5"], training={"precision": "auto"})

    def decided(bfloat16, resume):
        monkeypatch.setattr("ctlearn_gan_aug.models.precision.has_bfloat16", lambda: bfloat16)
        return with_precision(config, resume)

    first = decided(True, resume=False)
    assert first.training.precision == "mixed_bfloat16"
    prepare_output(first, resume=False)
    assert decided(False, resume=True).training.precision == "mixed_bfloat16"
    assert decided(False, resume=False).training.precision == "float32"


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_networks_calculate_in_the_precision_asked_for(tmp_path, toy_gamma, tiny_config, precision):
    config = tiny_config(tmp_path / "run", [toy_gamma], training={"precision": precision})
    events = read_training_events(config)
    labels = LabelSet.fit(config.labels, events.labels)
    with computing_in(precision):
        networks = Run(config, events, labels, 0.0).networks
    generator, critic = networks.generator, networks.critic
    for model in (generator, critic):
        inner = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        kinds = {layer.compute_dtype for layer in inner if not layer.name.startswith("pixels")}
        assert kinds == {precision.removeprefix("mixed_")}
    assert generator.get_layer("pixels0_value").compute_dtype == "float32"
    assert generator.output.dtype == "float32"


def test_same_seed_same_bundle_other_seed_another(
    tmp_path, small_gamma, light_config, light_bundle
):
    again = train(light_config(tmp_path / "again", [small_gamma]))
    other = train(light_config(tmp_path / "other", [small_gamma], seed=2))
    assert bundle_weights(again) == bundle_weights(light_bundle)
    assert bundle_weights(other) != bundle_weights(light_bundle)


def test_bundles_of_other_weights_have_other_names(tmp_path, toy_gamma, tiny_config):
    """With a time budget, runs of one configuration end in different states."""
    config = tiny_config(tmp_path / "run", [toy_gamma])
    events = read_training_events(config)
    labels = LabelSet.fit(config.labels, events.labels)
    run = Run(config, events, labels, 0.0)
    generator = run.networks.averaged
    names = []
    for factor in (1.0, 1.0, 2.0):
        generator.set_weights([factor * values for values in generator.get_weights()])
        names.append(describe(config, events, labels, run.intensity, generator).bundle_id)
    assert names[0] == names[1] != names[2]


def test_bundle_holds_its_critic_ready_for_single_images(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    assert bundle.meta.critic_slope >= 0.0
    scores = Scores(bundle.critic, bundle.maps, bundle.intensity, bundle.camera)
    labels = bundle.label_table[:8]
    pixels, encoded = Sampler(bundle).generate(labels), bundle.labels.encode(labels)
    together = scores.predict_on_batch([pixels, encoded])
    alone = [scores.predict_on_batch([pixels[[i]], encoded[[i]]])[0] for i in range(8)]
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)
    moved = [
        layer.moving_mean
        for layer in bundle.critic.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert all(np.abs(np.asarray(mean)).max() > 0 for mean in moved)


def test_occupied_output_is_refused(tiny_bundle, toy_gamma, tiny_config):
    config = tiny_config(tiny_bundle.parent, [toy_gamma])
    with pytest.raises(UserError, match=r"already exists.*--overwrite or --resume"):
        train(config)


def test_resume_needs_a_matching_checkpoint(tmp_path, toy_gamma, tiny_config, tiny_bundle):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "checkpoint.safetensors").write_bytes(
        (tiny_bundle.parent / "checkpoint.safetensors").read_bytes()[:1000]
    )
    with pytest.raises(UserError, match="no readable checkpoint"):
        train(tiny_config(copy, [toy_gamma]), resume=True)


def test_a_checkpoint_of_an_earlier_version_is_said(tmp_path, toy_gamma, tiny_config, tiny_bundle):
    saved = tmp_path / "checkpoint.safetensors"
    save_file(
        load_file(tiny_bundle.parent / saved.name), saved, metadata={"progress": '{"step": 3}'}
    )
    with pytest.raises(UserError, match="written by an earlier version; start anew"):
        train(tiny_config(tmp_path, [toy_gamma]), resume=True)


@pytest.fixture(scope="module")
def light_bundle(tmp_path_factory, small_gamma, light_config) -> Path:
    return train(light_config(tmp_path_factory.mktemp("light") / "run", [small_gamma]))


@pytest.mark.parametrize("before", ["nothing", "empty", "preempted", "preempted, other labels"])
def test_resume_before_the_first_checkpoint_starts(
    tmp_path, small_gamma, light_config, light_bundle, caplog, before
):
    """A job that is queued again needs one command, wherever it was ended."""
    run = tmp_path / "run"
    config = light_config(run, [small_gamma])
    if before == "empty":
        run.mkdir()
    if before.startswith("preempted"):
        labels = ["energy"] if "other" in before else config.labels
        earlier = with_precision(config.model_copy(update={"labels": labels}))
        prepare_output(earlier, resume=False)
        (run / "auxiliary").mkdir()
        (run / "metrics.jsonl").touch()
        (run / ".checkpoint.safetensors.0a1b.part").write_text("half")
        (run / ".lock").write_text("process 1 on a machine that is gone")
    with caplog.at_level(logging.INFO):
        bundle = train(config, resume=True)
    assert f"{run}: no checkpoint yet, the run starts at step 0." in caplog.messages
    assert bundle_weights(bundle) == bundle_weights(light_bundle)
    assert (run / "auxiliary").exists() == (before == "preempted")  # one trained otherwise is not
    assert not list(run.glob(".*"))
    if before == "nothing":  # nor does the same command harm a run that has ended
        assert train(config, resume=True) == bundle


@pytest.mark.parametrize("name", ["bundle", "samples", "best.safetensors", "thesis.tex"])
def test_resume_starts_nothing_in_a_folder_of_results(tmp_path, toy_gamma, tiny_config, name):
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=f"{tmp_path}: holds {name}, but no checkpoint"):
        train(tiny_config(tmp_path, [toy_gamma]), resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_bad_input_leaves_no_output(tmp_path, tiny_config):
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"not HDF5")
    with pytest.raises(UserError, match=r"bad\.h5"):
        train(tiny_config(tmp_path / "run", [bad]))
    assert not (tmp_path / "run").exists()


def test_bundle_reloads_to_the_same_images(tiny_bundle, toy_gamma):
    first, second = load_bundle(tiny_bundle), load_bundle(tiny_bundle)
    labels = sample_labels(first, Region(), 20, np.random.default_rng(1))
    images = Sampler(first, seed=4).generate(labels)
    np.testing.assert_array_equal(images, Sampler(second, seed=4).generate(labels))
    assert images.shape == (20, first.camera.n_pixels, 2)
    assert np.isfinite(images).all()
    assert not np.array_equal(images, Sampler(first, seed=5).generate(labels))


def test_images_do_not_depend_on_how_they_are_asked_for(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    labels = sample_labels(bundle, Region(), 12, np.random.default_rng(1))
    whole = Sampler(bundle, seed=4).generate(labels)
    sampler = Sampler(bundle, seed=4, batch_size=5)
    parts = np.concatenate([sampler.generate(labels[:7]), sampler.generate(labels[7:])])
    np.testing.assert_allclose(parts, whole, rtol=1e-3, atol=1e-3)


def test_bundle_holds_no_code(tiny_bundle):
    for path in tiny_bundle.iterdir():
        assert path.suffix in {".yaml", ".safetensors", ".h5"}
        with pytest.raises(Exception, match=r"opcode|exhausted|expected|ended|found"):
            list(pickletools.genops(path.read_bytes()))


@pytest.mark.parametrize("name", ["bundle.yaml", "generator.safetensors", "skeleton.h5"])
def test_incomplete_bundle_is_refused(tiny_bundle, tmp_path, name):
    for path in tiny_bundle.iterdir():
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match=f"no generator bundle \\({name} is missing"):
        load_bundle(tmp_path)


def test_future_bundle_is_refused(tiny_bundle, tmp_path):
    for path in tiny_bundle.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "bundle.yaml").read_text()
    (tmp_path / "bundle.yaml").write_text(text.replace("format_version: 2", "format_version: 99"))
    with pytest.raises(UserError, match="bundle format 99"):
        load_bundle(tmp_path)


def test_weights_of_another_architecture_are_refused(tiny_bundle, tmp_path):
    for path in tiny_bundle.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "generator.safetensors")
    save_file(dict(list(weights.items())[1:]), tmp_path / "generator.safetensors")
    bundle = load_bundle(tmp_path)
    with pytest.raises(UserError, match=r"generator\.safetensors: .* what it lists under software"):
        Sampler(bundle)


@pytest.mark.parametrize(
    ("limits", "spectrum"),
    [
        ({"energy": (0.3, 3.0)}, "empirical"),
        ({"energy": (0.3, 3.0), "offset": (0.0, 1.0)}, {"index": -2}),
        ({"offset": (0.5, 0.6)}, "uniform"),
        ({"cam_coord_offset_x": (0.0, 0.1)}, "empirical"),
        ({"cam_coord_offset_y": (-0.1, 0.0), "energy": (0.3, 3.0)}, "uniform"),
        ({"fov_lon": (0.0, 0.6), "fov_lat": (-0.6, 0.0)}, "empirical"),
    ],
)
def test_labels_stay_inside_their_region(tiny_bundle, limits, spectrum):
    bundle = load_bundle(tiny_bundle)
    labels = sample_labels(
        bundle, Region(**limits, spectrum=spectrum), 500, np.random.default_rng(0)
    )
    radius = np.hypot(labels["cam_coord_offset_x"], labels["cam_coord_offset_y"])
    values = {
        "energy": labels["true_energy"],
        "offset": np.rad2deg(np.arctan(radius / bundle.camera.focal_length)),
        **labels,
    }
    for name, (low, high) in limits.items():
        assert values[name].min() >= low - 1e-9
        assert values[name].max() <= high + 1e-9
    for name in labels.colnames:
        assert np.isfinite(np.asarray(labels[name], dtype=float)).all(), name
    np.testing.assert_allclose(np.log10(labels["true_energy"]), labels["log_true_energy"])


def test_power_law_has_its_index(tiny_bundle):
    region = Region(energy=(0.3, 3.0), spectrum={"index": -2})
    labels = sample_labels(load_bundle(tiny_bundle), region, 20000, np.random.default_rng(0))
    # For E^-2 the fraction below the geometric mean is (1 - r^-0.5) / (1 - r^-1), r = 10.
    below = np.mean(labels["true_energy"] < np.sqrt(0.3 * 3.0))
    assert below == pytest.approx((1 - 10**-0.5) / (1 - 0.1), abs=0.015)


def test_region_outside_the_domain(tiny_bundle):
    bundle, rng = load_bundle(tiny_bundle), np.random.default_rng(0)
    far = Region(energy=(1.0, 5000.0))
    with pytest.raises(UserError, match="energy leaves the training domain"):
        sample_labels(bundle, far, 10, rng)
    with pytest.raises(UserError, match="offset leaves the training domain"):
        sample_labels(bundle, Region(offset=(0.0, 30.0)), 10, rng)
    far = Region(energy=(1.0, 5000.0), spectrum="uniform")
    labels = sample_labels(bundle, far, 200, rng, extrapolate=True)
    assert labels["true_energy"].max() > 1000


def test_divergence_returns_to_the_last_good_state(
    tmp_path, small_gamma, light_config, monkeypatch
):
    """Once: the run goes on with lower rates. Always: it ends in one sentence."""
    from ctlearn_gan_aug.training.loop import Loop

    one_step, ill = Loop._one_step, [4]

    def diverging(self, batches, number):
        values = one_step(self, batches, number)
        is_ill = number + 1 in ill
        if is_ill and len(ill) == 1:
            ill.clear()
        return {name: value * float("nan") if is_ill else value for name, value in values.items()}

    monkeypatch.setattr(Loop, "_one_step", diverging)
    sections = {"training": {"steps": 4, "batch_size": 8}, "warmup": {"fraction": 0}}
    bundle = train(light_config(tmp_path / "once", [small_gamma], **sections))
    assert not ill
    assert all(np.isfinite(w).all() for w in load_bundle(bundle).generator.get_weights())
    ill += [4, 4]
    with pytest.raises(UserError, match=r"always: the losses are no longer finite, after 3 "):
        train(light_config(tmp_path / "always", [small_gamma], **sections))
    assert not (tmp_path / "always" / "bundle").exists()


def checkpoint_step(path: Path) -> int:
    """Step of a checkpoint, -1 before there is one."""
    if not path.exists():
        return -1
    with safe_open(path, framework="np") as saved:
        return json.loads(saved.metadata()["progress"])["step"]


KILLED = """
import sys
from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.training.run import train
import json
train(parse(TrainConfig, json.loads(sys.argv[1]), "test"), resume=sys.argv[2] == "resume")
"""


def test_killed_and_resumed_equals_uninterrupted(tmp_path, small_gamma, light_config):
    """kill -9 at a random moment, dropout and all: the same weights to the bit."""
    sections = {
        "critic": {"architecture": "dcgan", "channels": [8, 8, 8], "dropout": 0.3},
        "training": {"steps": 40, "batch_size": 8, "checkpoint_every": "0.02 s"},
    }
    content = {}
    for name in ("whole", "killed"):
        config = light_config(tmp_path / name, [small_gamma], **sections)
        content[name] = config.model_dump(mode="json")

    def start(name, how):
        command = [sys.executable, "-c", KILLED, json.dumps(content[name]), how]
        return subprocess.Popen(command, stderr=subprocess.PIPE)

    whole, killed = start("whole", "new"), start("killed", "new")
    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    moment = random.Random(3).randint(2, 25)
    while killed.poll() is None and checkpoint_step(checkpoint) < moment:
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, killed.stderr.read().decode()
    assert moment <= checkpoint_step(checkpoint) < 40
    assert whole.wait() == 0, whole.stderr.read()
    again = start("killed", "resume")
    assert again.wait() == 0, again.stderr.read()
    bundles = [load_bundle(tmp_path / name / "bundle") for name in ("whole", "killed")]
    for a, b in zip(*(bundle.generator.get_weights() for bundle in bundles), strict=True):
        np.testing.assert_array_equal(a, b)
