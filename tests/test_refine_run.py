"""A whole refinement: it learns, resumes to the bit, and refuses what has no sense."""

import json
import pickletools

import numpy as np
import pytest
import tensorflow as tf
import yaml
from click.testing import CliRunner
from killed import Killed
from safetensors import safe_open
from safetensors.numpy import load_file

from ctlearn_gan_aug.cli.main import cli
from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.config.refine import RefineConfig
from ctlearn_gan_aug.data.toy.conditions import Conditions
from ctlearn_gan_aug.data.toy.simulate import simulate
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.refine.loop import RefineLoop
from ctlearn_gan_aug.refine.run import refine
from ctlearn_gan_aug.refine.step import RefineStep
from ctlearn_gan_aug.refiner import load_refiner

SMALL = {
    "translator": {"channels": [6, 8], "noise": 1},
    "critic": {"channels": [8, 12]},
    "auxiliary": {"channels": [4, 6], "steps": 3},
    "loss": {"interval": 1},  # one kind of step, to be compiled once
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Gammas of a small camera, and others under a brighter sky with blurred optics."""
    folder = tmp_path_factory.mktemp("domains")
    target = Conditions(night_sky=1.8, point_spread=0.08, trigger=6.0)
    for name, seed, conditions in (("source", 1, Conditions()), ("target", 2, target)):
        path = folder / f"{name}.dl1.h5"
        simulate("gamma", 600, seed, path, camera="hex127", conditions=conditions)
    return {"source": [folder / "source.dl1.h5"], "target": [folder / "target.dl1.h5"]}


def config(output, files, **sections):
    content = {"particle": "gamma", "output": str(output), "training": {"steps": 3}, **SMALL}
    content["data"] = {key: [str(path) for path in paths] for key, paths in files.items()}
    for name, values in sections.items():
        content[name] = {**content.get(name, {}), **values} if isinstance(values, dict) else values
    return parse(RefineConfig, content)


CUT = {"quality_criteria": [["light", "hillas_intensity > 150"]], "validation_split": 0.3}
LEARNING = {
    "steps": 60,
    "batch_size": 16,
    "learning_rate": 2e-3,
    "snapshots": 2,
    "checkpoint_every": "0.02 s",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory, files):
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    refine(config(folder, files, data=CUT, training=LEARNING))
    return folder


def test_it_learns_and_its_bundle_says_what_it_is(run):
    """Refined images are much nearer to the target, and still show their showers."""
    bundle = run / "bundle"
    meta = load_refiner(bundle).meta
    assert meta.training["w1"] < 0.75 * meta.training["w1_before"]
    assert 0 < meta.training["w1_null"] < 0.5 * meta.training["w1_before"]
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert len([line for line in lines if "w1_before" in line]) == 2
    assert {path.name for path in bundle.iterdir()} == {
        "refiner.yaml",
        "translator.safetensors",
        "skeleton.h5",
    }
    for path in bundle.iterdir():
        with pytest.raises(Exception, match=r"opcode|exhausted|expected|ended|found"):
            list(pickletools.genops(path.read_bytes()))
    described = yaml.safe_load((bundle / "refiner.yaml").read_text())
    assert described["source"]["files"] == ["source.dl1.h5"]
    assert described["target"]["n_events"] == 600
    assert list((run / "samples").glob("*.png"))
    shown = CliRunner().invoke(cli, ["info", str(bundle)], catch_exceptions=False).output
    assert meta.refiner_id in shown


def checkpoint_step(path) -> int:
    if not path.exists():
        return -1
    with safe_open(path, framework="np") as saved:
        return json.loads(saved.metadata()["progress"])["step"]


def test_killed_and_resumed_equals_uninterrupted(tmp_path, files, monkeypatch, uncompiled_here):
    """Without a word somewhere in the middle: the same state to the bit."""
    training = LEARNING | {"steps": 8, "batch_size": 8}
    refine(config(tmp_path / "whole", files, data=CUT, training=training))
    made = config(tmp_path / "killed", files, data=CUT, training=training)
    one_step, steps = RefineLoop._one_step, []

    def dying(self, *arguments):
        steps.append(1)
        if len(steps) == 5:
            raise Killed
        return one_step(self, *arguments)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(RefineLoop, "_one_step", dying)
        refine(made)
    assert 0 < checkpoint_step(tmp_path / "killed" / "checkpoint.safetensors") < 5
    refine(made, resume=True)
    for name in ("checkpoint.safetensors", "bundle/translator.safetensors"):
        states = [load_file(tmp_path / run / name) for run in ("whole", "killed")]
        assert states[0].keys() == states[1].keys()
        for key, value in states[0].items():
            np.testing.assert_array_equal(value, states[1][key], err_msg=key)


def test_a_budget_ends_the_run(tmp_path, files, monkeypatch):
    def step(self, number, source, target, regularize):
        return {"cycle": tf.reduce_mean(source)}

    monkeypatch.setattr(RefineStep, "_joint_step", step)  # how long a step takes is no matter here
    target = tmp_path / "refine.yaml"
    made = config(tmp_path / "run", files, auxiliary={"weight": 0.0})
    content = made.model_dump(mode="json")
    target.write_text(yaml.safe_dump(content))
    arguments = ["refine", str(target), "--budget", "1 s", "--seed", "3"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    meta = load_refiner(tmp_path / "run" / "bundle").meta
    assert meta.training["seed"] == 3
    assert meta.training["steps"] >= 1


def test_files_may_be_named_on_the_command_line(tmp_path, files):
    arguments = ["refine", "configs/refine.yaml", "--dry-run", "--source", str(files["source"][0])]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert yaml.safe_load(result.output)["data"]["source"] == [str(files["source"][0])]


def test_domains_that_do_not_suit_each_other_are_refused(tmp_path, files, toy_gamma, toy_proton):
    def refused(message, particle="gamma", **data):
        with pytest.raises(UserError, match=message):
            refine(config(tmp_path / "run", {**files, **data}, particle=particle))
        assert not (tmp_path / "run" / "bundle").exists()

    refused("ToyCam, .* has ToyHex127; both domains need the same pixels", target=[toy_gamma])
    refused("particle: is proton", particle="proton")
    refused("data.target: names no file", target=[])
    copy = tmp_path / "copy.dl1.h5"
    copy.write_bytes(files["source"][0].read_bytes())
    refused("600 events of .* are in data.source, too", target=[copy])
    data = {"quality_criteria": [["energy", "true_energy > 1"]]}
    with pytest.raises(UserError, match=r"data.quality_criteria: .* use 'true_energy'"):
        refine(config(tmp_path / "run", files, data=data))


def test_domains_cleaned_differently_are_refused(tmp_path, files):
    import tables

    other = tmp_path / "other.dl1.h5"
    other.write_bytes(files["target"][0].read_bytes())
    with tables.open_file(other, "a") as h5file:
        table = h5file.root.dl1.event.telescope.images.tel_001
        masks = table.col("image_mask") & (table.col("image") > 30)
        table.modify_column(colname="image_mask", column=masks)
    with pytest.raises(UserError, match="cleaned with different tail cuts"):
        refine(config(tmp_path / "run", {**files, "target": [other]}))
