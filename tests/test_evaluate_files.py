"""Synthetic DL1 files in place of a bundle: in pairs, by labels, or refused."""

import json

import pytest
from click.testing import CliRunner

from ctlearn_gan_aug.cli.evaluate import command
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.evaluate import run
from ctlearn_gan_aug.evaluate.stages import Effort
from ctlearn_gan_aug.evaluate.subject import open_subject


@pytest.fixture(scope="module")
def files(tmp_path_factory, tiny_bundle):
    """Simulated gammas and protons, other gammas, and a synthetic twin of the first."""
    from ctlearn_gan_aug.data.toy.simulate import simulate
    from ctlearn_gan_aug.export.run import export

    folder = tmp_path_factory.mktemp("files")
    simulate("gamma", 160, 81, folder / "gamma.dl1.h5")
    simulate("gamma", 160, 82, folder / "others.dl1.h5")
    simulate("proton", 60, 83, folder / "proton.dl1.h5")
    export(tiny_bundle, folder / "twins.dl1.h5", labels_from=folder / "gamma.dl1.h5")
    return folder


@pytest.fixture(autouse=True)
def tiny_effort(monkeypatch):
    monkeypatch.setattr(run, "QUICK", Effort(1280, 640, 0))


def evaluate(files, subject, target, **options):
    return run.evaluate(subject, [files / "gamma.dl1.h5"], [], target, quick=True, **options)


def test_twins_are_compared_in_pairs_by_the_command(files, toy_gamma, tmp_path):
    arguments = [files / "twins.dl1.h5", "--test", files / "gamma.dl1.h5", "--train", toy_gamma]
    arguments += ["--output", tmp_path / "report", "--quick", "--no-cache"]
    result = CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert metrics["test"]["comparison"] == "paired"
    assert metrics["test"]["n_judged"] == 80 and metrics["test"]["n_images"] == 160
    assert metrics["bundle"]["particle"] == "gamma" and metrics["bundle"]["bundle_id"]
    assert metrics["cost"] is None and metrics["images"]["auc"]["value"] > 0.9
    assert metrics["domain"]["edges"]["any"]["n"] > 0
    page = (tmp_path / "report" / "report.html").read_text()
    assert "images in twins.dl1.h5" in page and "Speed" not in page


def test_other_simulated_events_are_as_simulation(files, tmp_path):
    found = evaluate(files, [files / "others.dl1.h5"], tmp_path / "report")
    assert found["test"]["comparison"] == "matched"
    assert 20 <= found["test"]["n_judged"] <= 80
    ratio = found["energy"]["ratio"]["mae"]
    assert ratio["value"] < 1.5 * ratio["null_high"]
    assert found["images"]["auc"]["value"] < 0.7
    assert found["images"]["mean_w1"]["value"] < 1.6 * found["images"]["mean_w1"]["null"]
    assert found["domain"]["edges"] is None and found["diversity"]["memorised"] is None


def test_channels_that_were_not_generated_are_left_out(files, tmp_path):
    import shutil

    import h5py

    path = tmp_path / "charge.dl1.h5"
    shutil.copy(files / "twins.dl1.h5", path)
    with h5py.File(path, "r+") as file:
        file.attrs["CONTEXT SYNTHETIC CHANNELS"] = "image"
    subject = open_subject([path])
    assert subject.channels == ("image",) and subject.images.pixels.shape[-1] == 1


@pytest.mark.parametrize(
    "name, words", [("proton", "other particles"), ("missing", "no such file")]
)
def test_unsuitable_files_are_refused(files, tmp_path, name, words):
    with pytest.raises(UserError, match=words):
        evaluate(files, files / f"{name}.dl1.h5", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_of_several_particles_are_refused(files):
    with pytest.raises(UserError, match="several particles"):
        open_subject([files])


def test_several_bundles_are_refused(files, tiny_bundle):
    with pytest.raises(UserError, match="one bundle at a time"):
        open_subject([tiny_bundle, files / "twins.dl1.h5"])


def test_a_folder_of_neither_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no generator bundle \(bundle.yaml is missing\)"):
        open_subject([tmp_path])


def test_another_camera_is_refused(files, shared_data, tmp_path):
    with pytest.raises(UserError, match=r"gamma\.dl1\.h5"):
        evaluate(files, shared_data / "showers" / "gamma_11.dl1.h5", tmp_path / "out")


def test_contradicting_cache_options_are_wrong_usage(files, tmp_path):
    arguments = [files / "twins.dl1.h5", "--test", files / "gamma.dl1.h5", "--cache", tmp_path]
    arguments += ["--no-cache", "--output", tmp_path / "out"]
    assert CliRunner().invoke(command, list(map(str, arguments))).exit_code == 2
