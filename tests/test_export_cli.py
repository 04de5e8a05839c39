"""``ctlearn-gan export`` on the command line: what it prints, and how it refuses."""

import pytest
from click.testing import CliRunner
from ctapipe.io import DATA_MODEL_VERSION
from ctapipe.io.metadata import read_hdf5_metadata

from ctlearn_gan_aug.cli.export import command
from ctlearn_gan_aug.errors import UserError


def invoke(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_dry_run_describes_and_writes_nothing(tiny_bundle, tmp_path):
    target = tmp_path / "x.dl1.h5"
    region = ("--energy", "1 TeV", "3000 GeV", "--offset", "0 deg", "1 deg")
    options = ("--spectrum", "index=-2", "--shard", "1/4", "--output", target, "--dry-run")
    result = invoke(tiny_bundle, "--n-events", 40, *region, *options)
    assert result.exit_code == 0, result.output
    for text in ("10 (image, peak_time)", "energy 1 to 3 TeV", "offset 0 to 1 deg", "E^-2"):
        assert text in result.output
    assert f"data model {DATA_MODEL_VERSION}" in result.output
    assert not target.exists()


def test_data_model_of_the_training_files_is_said(tiny_v6_bundle, tmp_path):
    options = ("--n-events", 4, "--output", tmp_path / "x.dl1.h5", "--dry-run")
    result = invoke(tiny_v6_bundle, *options)
    assert "data model v6.0.0" in result.output and "merge" in result.output


def test_writes_a_file(tiny_bundle, tmp_path):
    target = tmp_path / "x.dl1.h5"
    result = invoke(tiny_bundle, "--n-events", 4, "--candidates", 2, "--output", target)
    assert result.exit_code == 0, result.output
    assert f"{target}: 4 synthetic images" in result.output
    assert read_hdf5_metadata(target)["CONTEXT SYNTHETIC CANDIDATES"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--n-events", 5, "--labels-from", "x.h5"),
        ("--n-events", 0),
        ("--n-events", "many"),
        ("--n-events", 5, "--compression", "rar"),
        ("--labels-from", "x.h5", "--energy", "1 TeV", "2 TeV"),
        ("--labels-from", "x.h5", "--spectrum", "uniform"),
        ("--labels-from", "x.h5", "--shard", "0/2"),
    ],
)
def test_wrong_usage_exits_with_2(tmp_path, arguments):
    result = invoke(tmp_path, "--output", tmp_path / "x.h5", *arguments)
    assert result.exit_code == 2
    assert "Error:" in result.output


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (("--energy", "3 TEV", "4 TEV"), "TeV"),
        (("--energy", "abc", "4 TeV"), "abc"),
        (("--energy", "4 TeV", "3 TeV"), "reversed"),
        (("--offset", "1 m", "2 m"), "deg"),
        (("--spectrum", "steep"), "spectrum"),
        (("--spectrum", "index=soft"), "spectrum"),
        (("--shard", "5/4"), "shard"),
        (("--energy", "1 PeV", "2 PeV"), "training domain"),
    ],
)
def test_nonsense_is_one_sentence(tiny_bundle, tmp_path, arguments, reason):
    result = invoke(tiny_bundle, "--n-events", 5, "--output", tmp_path / "x.h5", *arguments)
    assert isinstance(result.exception, UserError)
    assert reason in str(result.exception) and "\n" not in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_outside_the_domain_if_allowed(tiny_bundle, tmp_path):
    options = ("--energy", "50 TeV", "60 TeV", "--extrapolate", "--dry-run")
    result = invoke(tiny_bundle, "--n-events", 5, "--output", tmp_path / "x.h5", *options)
    assert result.exit_code == 0, result.output


def test_unwritable_folder(tiny_bundle, tmp_path):
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "x.h5"
    result = invoke(tiny_bundle, "--n-events", 5, "--output", target)
    assert isinstance(result.exception, UserError)


def test_not_a_bundle(tmp_path):
    result = invoke(tmp_path, "--n-events", 5, "--output", tmp_path / "x.h5")
    assert isinstance(result.exception, UserError) and "no generator bundle" in str(
        result.exception
    )


@pytest.mark.parametrize("content, reason", [(b"text", "not an HDF5 file"), (None, "truncated")])
def test_bad_label_files(tiny_bundle, toy_gamma, tmp_path, content, reason):
    path = tmp_path / "bad.h5"
    path.write_bytes(content or toy_gamma.read_bytes()[:5000])
    output = tmp_path / "x.h5"
    result = invoke(tiny_bundle, "--labels-from", path, "--output", output)
    assert isinstance(result.exception, UserError) and reason in str(result.exception)
    assert not output.exists()
