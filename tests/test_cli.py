"""The command line: contract spellings, one clear sentence for every mistake, nothing left."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ctlearn_gan_aug.cli.main import COMMANDS, cli
from ctlearn_gan_aug.errors import UserError

#: Commands that are ctapipe tools, with a help of their own.
TOOLS = ("train-model", "reservoir")


def run(*arguments):
    """Exit code, output, and the sentence of a failure, as the entry point would give them."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    if isinstance(result.exception, UserError):
        return 1, result.output, f"Error: {result.exception}"
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output, result.output


def refused(*arguments, code=1):
    exit_code, _, message = run(*arguments)
    assert exit_code == code
    assert "Traceback" not in message
    return message


@pytest.fixture
def config(tmp_path, toy_gamma):
    def write(**content):
        path = tmp_path / "config.yaml"
        base = {
            "particle": "gamma",
            "data": {"files": [str(toy_gamma)]},
            "training": {"steps": 1},
            "output": str(tmp_path / "run"),
        }
        path.write_text(yaml.safe_dump({**base, **content}))
        return path

    return write


def test_entry_point_prints_one_sentence_and_exits_1(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "ctlearn_gan_aug.cli.main", "info", str(tmp_path / "absent")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in TOOLS])
def test_help_of_every_command(name):
    exit_code, output, _ = run(name, "--help")
    assert exit_code == 0
    assert "Usage" in output


def test_templates_are_valid_configurations(tmp_path):
    exit_code, listing, _ = run("config")
    assert exit_code == 0
    for kind in listing.split():
        target = tmp_path / f"{kind}.yaml"
        assert run("config", kind, "--output", target)[0] == 0
        if kind.startswith("study_"):  # of studies, see test_study_parts
            continue
        command, named = ("refine", "gamma") if kind.endswith("refine") else ("train", kind)
        exit_code, resolved, _ = run(command, target, "--dry-run")
        assert exit_code == 0
        assert yaml.safe_load(resolved)["particle"] in named


def test_overrides_reach_the_resolved_configuration(config):
    _, output, _ = run(
        "train", config(), "--input", "a.h5", "--input", "b", "--budget", "60 min", "--seed", 7,
        "--output", "elsewhere", "--dry-run",
    )  # fmt: skip
    resolved = yaml.safe_load(output)
    assert resolved["data"]["files"] == ["a.h5", "b"]
    assert resolved["training"]["budget"] == "3600.0 s"
    assert resolved["training"]["steps"] is None
    assert (resolved["seed"], resolved["output"]) == (7, "elsewhere")


def test_mistakes_in_the_configuration(config, tmp_path):
    assert "did you mean 'labels'" in refused("train", config(labelz=["energy"]))
    assert "no such file" in refused("train", tmp_path / "absent.yaml")
    assert "is not a quantity" in refused("train", config(training={"budget": "abc"}))
    assert "did you mean" in refused("train", config(training={"budget": "3 MIN"}))
    assert "exclude each other" in refused("train", config(), "--resume", "--overwrite", code=2)
    assert not (tmp_path / "run").exists()


def test_mistakes_in_the_input(config, tmp_path, toy_gamma):
    empty = tmp_path / "empty"
    empty.mkdir()
    truncated = tmp_path / "truncated.dl1.h5"
    truncated.write_bytes(toy_gamma.read_bytes()[: toy_gamma.stat().st_size // 2])
    other = tmp_path / "other.h5"
    import h5py

    with h5py.File(other, "w") as file:
        file["numbers"] = [1, 2, 3]
    for bad, expected in (
        (tmp_path / "absent.h5", "no such file"),
        (empty, "no DL1 file"),
        (truncated, "truncated.dl1.h5"),
        (other, "other.h5"),
    ):
        assert expected in refused("train", config(), "--input", bad)
    assert not (tmp_path / "run").exists()


def test_unwritable_and_occupied_output(config, tmp_path, tiny_bundle):
    blocked = tmp_path / "file"
    blocked.touch()
    assert "cannot be created" in refused("train", config(), "--output", blocked / "run")
    message = refused("train", config(), "--output", tiny_bundle.parent)
    assert "--overwrite" in message
    assert "--resume" in message


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--energy", "3 TEV", "30 TeV"], "did you mean '3 TeV'"),
        (["--energy", "abc", "30 TeV"], "is not a quantity"),
        (["--energy", "30 TeV", "3 TeV"], "reversed"),
        (["--energy", "1 TeV", "3000 TeV"], "leaves the training domain"),
        (["--offset", "0 deg", "40 deg"], "leaves the training domain"),
        (["--spectrum", "steep"], "is no spectrum"),
    ],
)
def test_mistakes_in_a_region(tiny_bundle, tmp_path, options, expected):
    target = tmp_path / "out.dl1.h5"
    message = refused("export", tiny_bundle, "--n-events", 5, *options, "--output", target)
    assert expected in message
    assert list(tmp_path.iterdir()) == []


def test_info_and_preview(tiny_bundle, tmp_path):
    exit_code, output, _ = run("info", tiny_bundle)
    assert exit_code == 0
    assert "gamma" in output
    assert "log_true_energy" in output
    image = tmp_path / "images.png"
    assert (
        run("preview", tiny_bundle, "--energy", "1 TeV", "--n-images", 2, "--output", image)[0] == 0
    )
    assert image.read_bytes()[1:4] == b"PNG"
    assert "already exists" in refused("preview", tiny_bundle, "--output", image)
    assert "no generator bundle" in refused("info", Path(tmp_path))


def test_demo_runs_through(tmp_path):
    """In a process of its own, as a user runs it: libraries log to the end of the process."""
    demo = tmp_path / "demo"
    result = subprocess.run(
        [sys.executable, "-m", "ctlearn_gan_aug.cli.main", "demo", "--output", demo, "--quick"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert "Look next at" in result.stdout
    assert (demo / "evaluation" / "report.html").exists()
    assert (demo / "synthetic_gamma.dl1.h5").exists()


@pytest.mark.parametrize(
    "command", ["train", "train-model", "reservoir", "evaluate", "benchmark", "demo"]
)
def test_commands_that_train_name_the_backend_they_need(command, config, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    arguments = {
        "train": [config()],
        "evaluate": [tmp_path, "--test", tmp_path, "--output", tmp_path / "out"],
        "benchmark": ["gamma"],
        "demo": ["--output", tmp_path / "out"],
    }
    message = refused(command, *arguments.get(command, []))
    assert "KERAS_BACKEND" in message and "tensorflow" in message and "jax" in message
    assert not (tmp_path / "out").exists() and not (tmp_path / "run").exists()


def test_user_error_inside_tf_data_is_one_sentence():
    """TensorFlow wraps what is raised in its threads; the sentence has to come out of it."""
    import tensorflow as tf

    from ctlearn_gan_aug.errors import UserError, find_user_error

    def fail(number):
        raise UserError("store: was cut off while in use; start again.")

    batches = tf.data.Dataset.range(3).map(lambda x: tf.numpy_function(fail, [x], tf.int64))
    with pytest.raises(tf.errors.OpError) as raised:
        list(batches)
    assert str(find_user_error(raised.value)) == "store: was cut off while in use; start again."
    assert find_user_error(ValueError("of ours")) is None
