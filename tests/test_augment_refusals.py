"""Trainings that cannot work end in one sentence, without a traceback."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from augment_fakes import (
    TRAINING,
    ReplayBundle,
    augmented_tool,
    make_toy_files,
    use_replay,
)
from augment_fakes import write_config as write_full_config
from click.testing import CliRunner

from ctlearn_gan_aug.errors import UserError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Folders gamma/ and proton/ with one toy file each."""
    return make_toy_files(tmp_path_factory.mktemp("data"), n_events=40)


@pytest.fixture(scope="module")
def bundles(data):
    return {p: ReplayBundle(data / p / f"{p}.dl1.h5", p) for p in ("gamma", "proton")}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """Working directory of a training; ctapipe writes its provenance log there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_config(folder, block=None, **training):
    """Batches small enough for the validation events of so few."""
    return write_full_config(folder, block, **{"batch_size": 2, **training})


def refused(data, workplace, *, config=None, signal="gamma", output="out", options=()):
    """The one sentence an unsuccessful training ends in."""
    config = config or write_config(workplace)
    argv = ["--config", config, "--signal", str(data / signal), "--output", output]
    with pytest.raises(UserError) as error:
        augmented_tool().run([*argv, "--reco", "energy", *options])
    assert "\n" not in str(error.value)
    return str(error.value)


def test_existing_output_is_kept(data, workplace):
    (workplace / "out").mkdir()
    (workplace / "out" / "model").write_text("precious")
    assert "--overwrite" in refused(data, workplace)
    assert (workplace / "out" / "model").read_text() == "precious"


def test_only_outputs_of_trainings_are_replaced(data, workplace):
    (workplace / "out").mkdir()
    (workplace / "out" / "training_log.csv").write_text("")
    (workplace / "out" / "thesis.tex").write_text("precious")
    message = refused(data, workplace, options=["--overwrite"])
    assert "out: holds thesis.tex, which no training of CTLearn has written" in message
    assert (workplace / "out" / "thesis.tex").read_text() == "precious"


def test_output_below_a_file(data, workplace):
    (workplace / "file").write_text("")
    assert "writable folder" in refused(data, workplace, output="file/out")


def test_empty_folder(data, workplace):
    (data / "empty").mkdir(exist_ok=True)
    assert "holds no file that matches" in refused(data, workplace, signal="empty")


def test_file_that_is_not_dl1(data, workplace):
    (data / "text").mkdir(exist_ok=True)
    (data / "text" / "notes.h5").write_text("not HDF5")
    assert "notes.h5" in refused(data, workplace, signal="text")


def test_too_few_events_for_a_batch(data, workplace):
    config = write_config(workplace, batch_size=1000)
    assert "not enough" in refused(data, workplace, config=config)


def test_too_few_events_for_validation(data, workplace):
    """Keras would end the training after its first epoch."""
    config = write_config(workplace, batch_size=16)
    message = refused(data, workplace, config=config)
    assert "validation events do not fill one batch of 16" in message
    assert not (workplace / "out").exists()


def test_background_for_an_energy_training(data, workplace):
    message = refused(data, workplace, options=["--background", str(data / "proton")])
    assert "--reco type" in message


def test_missing_bundle(data, workplace):
    config = write_config(workplace, {"generators": {"gamma": "nowhere"}, "fraction": 0.5})
    assert "nowhere" in refused(data, workplace, config=config)
    assert not (workplace / "out").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_mapper_type": [["type", "*", "NoSuchMapper"]]}, "NoSuchMapper"),
        ({"channels": ["image", "peak_time"]}, "need peak_time"),
        ({"mode": "stereo"}, "mode: mono"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_reader_settings_that_do_not_fit(data, workplace, monkeypatch, changes, words):
    bundle = ReplayBundle(data / "gamma" / "gamma.dl1.h5", "gamma", channels=("image",))
    use_replay(monkeypatch, {"gamma": bundle})
    reader = {**TRAINING["DLImageReader"], "channels": ["image"], **changes}
    block = {"generators": {"gamma": "gamma"}, "fraction": 0.5}
    config = write_config(workplace, block, DLImageReader=reader)
    assert words in refused(data, workplace, config=config)


def test_unmapped_images_are_refused():
    from ctlearn_gan_aug.augment.compatibility import check_reader

    mapper = SimpleNamespace(index_matrix=np.zeros((2, 2)))
    reader = SimpleNamespace(mode="mono", cam_name="ToyCam", image_mappers={"ToyCam": mapper})
    with pytest.raises(UserError, match="square grid"):
        check_reader(reader)


def test_bundle_of_another_camera(data, bundles, workplace, monkeypatch):
    import copy

    import astropy.units as u

    from ctlearn_gan_aug.camera import Camera

    subarray = copy.deepcopy(bundles["gamma"].camera.subarray)
    geometry = next(iter(subarray.tel.values())).camera.geometry
    geometry.pix_x = geometry.pix_x + 0.01 * u.m
    other = copy.copy(bundles["gamma"])
    other.camera = Camera.from_subarray(subarray, bundles["gamma"].camera.tel_id)
    use_replay(monkeypatch, {"gamma": other})
    config = write_config(workplace, {"generators": {"gamma": "gamma"}, "fraction": 0.5})
    assert "made for camera" in refused(data, workplace, config=config)


def test_bundle_under_the_wrong_name(data, bundles, workplace, monkeypatch):
    use_replay(monkeypatch, {"proton": bundles["proton"]})
    config = write_config(workplace, {"generators": {"gamma": "proton"}, "fraction": 0.5})
    assert "generates proton" in refused(data, workplace, config=config)


def test_failure_while_training_ends_in_one_sentence(data, bundles, workplace, monkeypatch):
    import copy

    calls = []

    def generate(numbers, encoded):
        calls.append(numbers)
        return bundles["gamma"].generate(numbers, encoded) * (np.nan if len(calls) > 1 else 1)

    failing = copy.copy(bundles["gamma"])
    failing.generate = generate
    use_replay(monkeypatch, {"gamma": failing})
    config = write_config(workplace, {"generators": {"gamma": "gamma"}, "fraction": 0.5})
    assert "not finite" in refused(data, workplace, config=config)


def test_sentence_is_not_preceded_by_a_traceback(data, workplace, capfd):
    refused(data, workplace, signal="gamma", output=str(data / "gamma"))
    captured = capfd.readouterr()
    assert "Traceback" not in captured.out + captured.err


def test_user_errors_are_kept_out_of_ctapipes_log_only():
    from ctlearn_gan_aug.augment.tool import _without_user_errors

    def logged(error):
        return logging.LogRecord("x", logging.ERROR, "", 0, "", (), (type(error), error, None))

    assert not _without_user_errors(logged(UserError("")))
    assert _without_user_errors(logged(ValueError("")))


@pytest.mark.parametrize("option", ["--help", "-h", "--help-all"])
def test_help_shows_our_words_and_ctlearns_options(option):
    from ctlearn_gan_aug.cli.train_model import command

    result = CliRunner().invoke(command, [option])
    assert result.exit_code == 0
    assert "gan_augment" in result.output
    assert "--pattern-signal" in result.output


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--signal", "nowhere"], "nowhere"),
        (["--output", "out", "--reco", "energy"], "--signal"),
        (["--signal", ".", "--reco", "energy"], "--output"),
        (["--signal", ".", "--output", "out"], "--reco"),
        (["--signal", ".", "--output", "out", "--reco", "enrgy"], "enrgy"),
        (["--config", "missing.yaml"], "missing.yaml"),
        (["--config", "broken.yaml"], "broken.yaml"),
        (["--signal", ".", "--TrainCTLearnModel.batch_size=abc"], "batch_size"),
    ],
    ids=" ".join,
)
def test_wrong_options_are_one_sentence(workplace, argv, words):
    (workplace / "broken.yaml").write_text("a: [1")
    with pytest.raises(UserError) as error:
        augmented_tool().run(argv)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
