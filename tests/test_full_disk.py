"""A full disk ends in one sentence that names the folder; what was whole before stays whole.

A limit on the size of files stands for the disk: the system refuses the same writes, with another
number.
"""

import json
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import yaml
from augment_fakes import TRAINING

from ctlearn_gan_aug.errors import UserError, find_no_space
from ctlearn_gan_aug.files import atomic_file, atomic_folder

pytestmark = pytest.mark.usefixtures("uncompiled")

REASON = (
    r"\((File too large|not all data reached the disk.*|\d+ requested and \d+ written"
    r"|driver write request failed)\)"
)


@contextmanager
def largest_file(n_bytes: int):
    """No file may grow beyond so many bytes; Python ignores the signal that comes with it."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def no_parts(folder) -> bool:
    return not [path for path in folder.rglob(".*") if path.name.endswith((".part", ".keras"))]


def save_tensors(path):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(100_000)}, path)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(bytes(10**6)),
        lambda path: np.save(path.open("wb"), np.zeros(10**6)),
        save_tensors,
    ],
    ids=["bytes", "numpy", "safetensors"],
)
def test_a_file_is_whole_or_not_there(tmp_path, write):
    target = tmp_path / "out"
    target.write_text("earlier")
    told = f"{target}: cannot be written {REASON}; free some space there or choose another folder"
    with (
        pytest.raises(UserError, match=told),
        largest_file(50_000),
        atomic_file(target, overwrite=True) as part,
    ):
        write(part)
    assert target.read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with (
        pytest.raises(UserError, match="cannot be written"),
        largest_file(50_000),
        atomic_folder(tmp_path / "folder") as part,
    ):
        write(part / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_libraries_words_for_a_full_disk_are_known():
    from safetensors import SafetensorError

    told = (
        OSError(28, "x"),
        OSError(122, "x"),
        SafetensorError(
            'Error while serializing: I/O error: Os { code: 28, kind: StorageFull, message: "No '
            'space left on device" }'
        ),
        RuntimeError("HDF5 ... errno = 28, error message = 'No space left on device'"),
    )
    assert all(find_no_space(error) for error in told)
    assert not any(map(find_no_space, (OSError(2, "x"), ValueError("full"), UserError("full"))))


SECTIONS = {"data": {"validation_split": 0.3}, "training": {"steps": 4, "snapshots": 2}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_gamma, light_config):
    """Bundle of a training that had all the space it wanted."""
    from ctlearn_gan_aug.training.run import train

    return train(light_config(tmp_path_factory.mktemp("whole") / "run", [small_gamma], **SECTIONS))


@pytest.mark.parametrize("what", ["snapshot", "checkpoint", "metrics", "bundle"])
def test_a_training_can_go_on_when_there_is_space_again(
    tmp_path, small_gamma, light_config, monkeypatch, whole, what
):
    from ctlearn_gan_aug.training import run, snapshots

    config = light_config(tmp_path / "full", [small_gamma], **SECTIONS)
    target, n_calls = tmp_path / "full", []

    def limited(function, first):
        def call(*args, **options):
            n_calls.append(1)
            if len(n_calls) < first:
                return function(*args, **options)
            with largest_file(2_000 if what != "metrics" else 150):
                return function(*args, **options)

        return call

    places = {
        "snapshot": (snapshots.Snapshots, "_keep", 1),
        "checkpoint": (run, "save_checkpoint", 2),
        "metrics": (run.Monitor, "_write", 2),
        "bundle": (run, "save_bundle", 1),
    }
    module, name, first = places[what]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, limited(getattr(module, name), first))
        told = f"{target}: cannot be written {REASON}; free .* go on from the last .* --resume"
        with pytest.raises(UserError, match=told):
            run.train(config)
    assert (target / "checkpoint.safetensors").exists()
    assert not (target / "bundle").exists()
    assert no_parts(target)
    again = run.train(config, resume=True)
    assert (again / "generator.safetensors").read_bytes() == (
        whole / "generator.safetensors"
    ).read_bytes()
    for line in (target / "metrics.jsonl").read_text().splitlines():
        json.loads(line)


def test_a_store_that_does_not_fit_leaves_nothing(tmp_path, small_gamma, light_config):
    from ctlearn_gan_aug.training.run import train

    stores = tmp_path / "stores"
    config = light_config(tmp_path / "run", [small_gamma], data={"store": str(stores)})
    told = f"{stores}: the pixel store cannot be kept there {REASON}; choose another folder"
    with pytest.raises(UserError, match=told), largest_file(100_000):
        train(config)
    assert not list(stores.glob("[!.]*"))
    assert no_parts(tmp_path)


def test_an_export_that_does_not_fit_leaves_nothing(tmp_path, tiny_bundle):
    from ctlearn_gan_aug.export.run import export

    target = tmp_path / "made.dl1.h5"
    with (
        pytest.raises(UserError, match=f"{target}: cannot be written {REASON}; free some space"),
        largest_file(400_000),
    ):
        export(tiny_bundle, target, n_events=100)
    assert list(tmp_path.iterdir()) == []


def test_an_evaluation_that_does_not_fit_leaves_nothing(tmp_path, tmp_path_factory, tiny_bundle):
    from ctlearn_gan_aug.data.toy.simulate import simulate
    from ctlearn_gan_aug.evaluate import run
    from ctlearn_gan_aug.evaluate.stages import Effort

    target, test = tmp_path / "report", tmp_path_factory.mktemp("test") / "gamma.dl1.h5"
    simulate("gamma", 100, 9, test)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "QUICK", Effort(200, 200, 0))
        patch.setattr(run, "_QUICK_SECONDS", 0.1)
        with (
            pytest.raises(UserError, match=f"{target}: cannot be written {REASON}; free some"),
            largest_file(5_000),
        ):
            run.evaluate(tiny_bundle, [test], [], target, max_events=80, quick=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_ctlearn_training_keeps_its_last_model(tmp_path, toy_gamma, monkeypatch, compiled, epoch):
    import keras

    from ctlearn_gan_aug.augment.tool import TrainAugmentedCTLearnModel

    monkeypatch.chdir(tmp_path)
    options = {"TrainCTLearnModel": {**TRAINING, "n_epochs": 2, "batch_size": 8}}
    options["TrainCTLearnModel"]["save_best_validation_only"] = False
    (tmp_path / "ctlearn.yaml").write_text(yaml.safe_dump(options))
    model, saved = tmp_path / "out" / "ctlearn_model.keras", []
    save = keras.Model.save

    def limited(self, *args, **options):
        saved.append(model.read_bytes() if model.exists() else None)
        if len(saved) < epoch:
            return save(self, *args, **options)
        with largest_file(20_000):
            return save(self, *args, **options)

    monkeypatch.setattr(keras.Model, "save", limited)
    arguments = ["--config", "ctlearn.yaml", "--signal", str(toy_gamma.parent)]
    told = f"{model.parent}: cannot be written {REASON}; free some space there .* train again"
    told += "; ctlearn_model.keras there is of an earlier epoch" if epoch == 2 else r"\.$"
    with pytest.raises(UserError, match=told):
        TrainAugmentedCTLearnModel().run([*arguments, "--reco", "energy", "--output", "out"])
    assert model.exists() == (epoch == 2)
    if epoch == 2:
        monkeypatch.undo()
        keras.models.load_model(model, compile=False)
    assert no_parts(model.parent)


def test_standard_output_on_a_full_disk():
    command = [sys.executable, "-m", "ctlearn_gan_aug.cli.main", "config", "gamma"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
