"""A tiny study from its YAML to its page: resumed run by run, refused where it cannot work."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from astropy.table import QTable
from augment_fakes import TRAINING
from click.testing import CliRunner

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.cli.main import cli
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.study import execute, progress

ENERGY = ["0.3 TeV", "100 TeV"]
#: A hardly trained generator's images pass no cut.
NO_CUTS = {"TableQualityQuery": {"quality_criteria": []}}


@pytest.fixture(scope="module")
def toy_test(tmp_path_factory):
    """150 toy gammas of another run."""
    from ctlearn_gan_aug.data.toy.simulate import simulate

    target = tmp_path_factory.mktemp("test") / "test.dl1.h5"
    simulate("gamma", 150, 7, target)
    return target


@pytest.fixture
def write_study(tmp_path, toy_gamma, toy_test, tiny_bundle, monkeypatch):
    """Writes the YAML of a study of seconds, with changes."""
    monkeypatch.chdir(tmp_path)
    ctlearn = {"TrainCTLearnModel": TRAINING | {"validation_split": 0.25, "n_epochs": 4}}
    ctlearn["DLImageReader"] = TRAINING["DLImageReader"] | NO_CUTS
    (tmp_path / "ctlearn.yaml").write_text(yaml.safe_dump(ctlearn))

    def write(**changes):
        content = {
            "files": {"signal": [str(toy_gamma)], "test_signal": [str(toy_test)]},
            "tasks": ["energy", "cameradirection"],
            "seeds": [1, 2],
            "redraw": False,
            "arms": ["simulation", "generated"],
            "generators": {"signal": {"bundle": str(tiny_bundle)}},
            "ctlearn": {"config": "ctlearn.yaml", "steps": 36},
            "augment": {"fraction": 0.5, "regions": [{"energy": ENERGY}]},
            "output": str(tmp_path / "study"),
        }
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        return path

    return write


@pytest.fixture
def in_one_process(monkeypatch):
    """Runs and their trainings in this process: starting TensorFlow takes longer than they do."""

    def call(arguments, log):
        import keras

        _, module, *words = arguments
        if module.endswith("seeded"):
            keras.utils.set_random_seed(int(words.pop(0)))
        result = CliRunner().invoke(cli, words)
        if result.exit_code:
            raise result.exception

    monkeypatch.setattr(execute, "call", call)
    monkeypatch.setattr(progress, "execute_apart", execute.execute)


def run(*words):
    result = CliRunner().invoke(cli, ["study", *map(str, words)])
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def apart(*words) -> str:
    """The same in processes of their own; returns what they say."""
    command = [sys.executable, "-m", "ctlearn_gan_aug.cli.main", "study", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def refused(*words) -> str:
    with pytest.raises(UserError) as error:
        run(*words)
    return str(error.value)


def test_a_study_is_done_once_and_resumed_by_the_run(
    write_study, in_one_process, tiny_bundle, tmp_path
):
    path, root = write_study(), tmp_path / "study"
    assert "study.html" in run(path)
    names = [
        f"models/all/seed{seed}/{arm}" for seed in (1, 2) for arm in ("simulation", "generated")
    ]
    assert run(path, "--list").split() == [
        word for i, name in enumerate(names) for word in (str(i), name, "done")
    ]
    assert not list(root.rglob("*.unfinished")) and not list(root.rglob("*.part"))
    check_results(root)
    check_blocks(root, tiny_bundle)

    models = {name: root / name / "model" / "ctlearn_model.keras" for name in names}
    before = {name: model.stat().st_mtime_ns for name, model in models.items()}
    shutil.rmtree(root / names[2])
    (root / names[2]).with_name("simulation.unfinished").mkdir()
    assert "2  models/all/seed2/simulation  ready" in run(path, "--list")
    assert apart(path, "--run", "2") == ""
    (root / "study.html").unlink()
    run(path)
    assert (root / "study.html").exists()
    after = {name: model.stat().st_mtime_ns for name, model in models.items()}
    assert {name for name in names if before[name] != after[name]} == {names[2]}

    changed = write_study(ctlearn={"config": "ctlearn.yaml", "steps": 12})
    assert "was made with other settings (length)" in refused(changed)


def test_every_arm_trains_on_what_it_says(write_study, in_one_process, tiny_bundle, tmp_path):
    arms = ["oversampled", "symmetries", "symmetries + generated"]
    path = write_study(seeds=[1], arms=arms, ctlearn={"config": "ctlearn.yaml", "epochs": 1})
    run(path)
    root = tmp_path / "study" / "models" / "all" / "seed1"
    mixed = {
        arm: json.loads((root / arm.replace(" ", "") / "model" / "gan_augment.json").read_text())
        for arm in arms
    }
    n_turns = {arm: record["symmetries"] for arm, record in mixed.items()}
    assert n_turns["oversampled"] == 1
    assert n_turns["symmetries"] == n_turns["symmetries + generated"] > 1
    sources = {arm: [r["bundle_id"] for r in record["regions"]] for arm, record in mixed.items()}
    assert sources == {
        "oversampled": ["simulation"],
        "symmetries": [],
        "symmetries + generated": [load_bundle(tiny_bundle).meta.bundle_id],
    }


def check_results(root):
    results = json.loads((root / "study.json").read_text())
    assert [(row["arm"], row["n_seeds"]) for row in results["arms"]] == [
        ("simulation", 2),
        ("generated", 2),
    ]
    steps = [row["steps"] for row in results["arms"]]
    assert steps == [36, 37]  # epochs of 18 batches of simulated images, and of 37 half ones
    inside, outside = (results["arms"][0]["domains"][name] for name in ("inside", "outside"))
    assert inside["n"]["mean"] + outside["n"]["mean"] == 150
    assert results["trees"]["all"]["all"]["energy_mae"] < 0.25  # of a spread of 0.5
    (ratio,) = results["ratios"]
    assert (ratio["arm"], ratio["to"]) == ("generated", "simulation")
    assert 0.2 < ratio["domains"]["inside"]["energy_mae"]["mean"] < 5
    page = (root / "study.html").read_text()
    assert page.count("<img") == 1 and "generated to simulation" in page


def check_blocks(root, bundle):
    """The arms differ by the block, and are evaluated on the same events."""
    configs = {
        arm: yaml.safe_load((root / f"models/all/seed2/{arm}/ctlearn.yaml").read_text())
        for arm in ("simulation", "generated")
    }
    assert "gan_augment" not in configs["simulation"]
    block = configs["generated"]["gan_augment"]
    assert (block["fraction"], block["seed"]) == (0.5, 2)
    events = {
        arm: QTable.read(root / f"models/all/seed2/{arm}/predictions.fits") for arm in configs
    }
    for name in ("event_id", "true_energy", "offset"):
        assert (events["simulation"][name] == events["generated"][name]).all()
    assert not np.array_equal(*(table["reco_energy"].value for table in events.values()))
    known = load_bundle(bundle).label_table["true_energy"]
    assert block["regions"] == [{"energy": ["0.3 TeV", f"{known.max()} TeV"]}]


def test_generators_are_trained_on_the_training_set_alone(
    write_study, in_one_process, tmp_path, toy_gamma
):
    dcgan = {"architecture": "dcgan", "channels": [8, 8, 8]}
    training = {"steps": 2, "batch_size": 8, "snapshots": 0}
    overrides = {
        "generator": {**dcgan, "ellipse": False},
        "critic": {**dcgan, "moments": False, "label_head": 0.0},
    }
    source = {"config": "gamma", "overrides": overrides | {"training": training}}
    path = write_study(generators={"signal": source}, sizes=[100], seeds=[3])
    listed = run(path, "--list")
    assert "1  generators/100/seed3/signal  ready" in listed
    assert "2  models/100/seed3/generated  waits for 1" in listed
    assert refused(path, "--run", 2) == (
        "models/100/seed3/generated: needs generators/100/seed3/signal; do run 1 first."
    )
    run(path, "--run", 1)
    assert "2  models/100/seed3/generated  ready" in run(path, "--list")
    from ctlearn_gan_aug.dl1.subset import read_showers

    root = tmp_path / "study"
    bundle = load_bundle(root / "generators/100/seed3/signal/training/bundle")
    (file,) = (root / "subsets/100/seed3/signal").glob("*.h5")
    keys, _ = read_showers(file)
    assert bundle.meta.data["n_events"] == len(keys) == 100
    assert set(bundle.label_table["event_id"]) <= set(keys["event_id"])


def test_a_bundle_of_other_events_is_refused(write_study, in_one_process, tiny_bundle):
    path = write_study(sizes=[200], seeds=[1])
    message = refused(path, "--run", 1)
    assert str(tiny_bundle) in message
    assert "was trained on 400 events that are not the 200 of" in message


def test_what_is_missing_is_said_before_the_first_run(write_study, toy_gamma, tmp_path):
    assert "500 events are wanted, but files.signal has 400" in refused(write_study(sizes=[500]))
    thin = {"energy": ENERGY, "keep": 0.0}
    assert "after thinning" in refused(write_study(sizes=[400], thin=thin))
    files = {"signal": [str(toy_gamma)], "test_signal": ["absent.h5"]}
    assert "absent.h5: no such file" in refused(write_study(files=files))
    files["test_signal"] = [str(toy_gamma)]
    assert "holds 400 events of files.signal" in refused(write_study(files=files))
    assert "no CTLearn model is complete" in refused(write_study(), "--page")
    assert not (tmp_path / "study").exists()


def test_a_training_that_fails_tells_why_in_one_sentence(tmp_path):
    log = tmp_path / "log.txt"
    script = "import sys; print('Error: x.yaml: no such file.'); print('end'); sys.exit(1)"
    with pytest.raises(UserError, match=r"^x\.yaml: no such file\. All of it is in .*log\.txt\.$"):
        execute.call(["-c", script], log)
    assert log.read_text().splitlines()[-1] == "end"
