"""Commands run without screen or terminal, from a notebook, into folders of any name."""

import json
import logging
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from ctlearn_gan_aug import progress
from ctlearn_gan_aug.cli.main import cli

ODD = "run {b} {0} %s %(x)d [red] 100%"


@pytest.fixture
def lines():
    """What our loggers say, whoever has set up logging before or does so meanwhile."""
    found = []

    class Keep(logging.Handler):
        def emit(self, record):
            found.append(record.getMessage())

    own = logging.getLogger("ctlearn_gan_aug")
    handler = Keep(logging.INFO)
    before = own.level
    own.addHandler(handler)
    own.setLevel(logging.INFO)
    yield found
    own.removeHandler(handler)
    own.setLevel(before)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_come_every_tenth_and_every_half_minute(lines, clock):
    with progress.image_progress("reading", 1000) as advance:
        for _ in range(40):
            clock[0] += 10
            advance(5)  # 20% in 400 s
        for _ in range(80):
            clock[0] += 1
            advance(10)  # the rest in 80 s
    assert len([x for x in lines if int(x.split(": ")[1].split("%")[0]) < 20]) == 13
    assert len(lines) == pytest.approx(22, abs=1)
    assert lines[0] == "reading: 2%  15 of 1000 events  0 events/s  ETA 33 min"
    assert lines[-1] == "reading: 100%  1000 of 1000 events  2 events/s  ETA 0 s"


def test_quick_work_is_one_line(lines, clock):
    with progress.stage_progress("evaluating") as tell:
        for i in range(1, 101):
            clock[0] += 0.01
            tell("drawing", i / 100)
    assert lines == ["evaluating: 100%  drawing  ETA 0 s"]


def test_a_terminal_gets_a_bar_and_no_lines(lines, monkeypatch):
    class Terminal:
        written = ""

        def isatty(self):
            return True

        def write(self, text):
            self.written += text

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.image_progress("reading", 10) as advance:
        advance(10)
    assert lines == []
    assert "reading" in sys.stderr.written


def test_a_training_tells_of_step_losses_and_time_left(lines, tmp_path, toy_gamma, light_config):
    """In a folder whose name means something to Python's formatting and to rich."""
    from ctlearn_gan_aug.training.run import train

    bundle = train(light_config(tmp_path / ODD, [toy_gamma]))
    assert bundle.is_dir()
    (told,) = (line for line in lines if line.startswith("training: 100%  step 3 "))
    assert re.search(r"images/s  (\w+ -?\d+\.\d{3} )+ ETA", told)
    assert told.endswith("ETA 0 s")
    assert any(line.startswith("pixel store: 100%  400 of 400 events") for line in lines)


def test_an_export_tells_of_events(tmp_path, tiny_bundle):
    target = tmp_path / f"{ODD}.dl1.h5"
    arguments = ["export", str(tiny_bundle), "--n-events", "20", "--output", str(target)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert target.exists()
    assert "\ngenerating: 100%  20 of 20 events" in result.output


@pytest.fixture
def training_argv(tmp_path, toy_gamma, monkeypatch):
    import yaml
    from augment_fakes import TRAINING

    monkeypatch.chdir(tmp_path)
    options = {"TrainCTLearnModel": {**TRAINING, "n_epochs": 2, "batch_size": 8}}
    (tmp_path / "ctlearn.yaml").write_text(yaml.safe_dump(options))
    given = ["--config", "ctlearn.yaml", "--signal", str(toy_gamma.parent), "--reco", "energy"]
    return [*given, "--output", ODD]


def test_a_ctlearn_training_goes_into_a_folder_of_any_name(tmp_path, training_argv, capfd):
    from ctlearn_gan_aug.augment.tool import TrainAugmentedCTLearnModel

    with pytest.raises(SystemExit) as end:
        TrainAugmentedCTLearnModel().run(training_argv)
    assert end.value.code == 0
    assert (tmp_path / ODD / "ctlearn_model.keras").stat().st_size > 1000
    assert re.search(r"training: 100%  epoch 2/2 batch 35/35  loss \d", capfd.readouterr().err)


def test_an_auxiliary_is_trained_into_a_folder_of_any_name(tmp_path, toy_gamma, tiny_config):
    from augment_fakes import TRAINING

    from ctlearn_gan_aug.data.events import read_events
    from ctlearn_gan_aug.training.auxiliary import obtain_auxiliary

    ctlearn = {k: v for k, v in TRAINING.items() if k[0].isupper() and k != "DLImageReader"}
    ctlearn["TrainCTLearnModel"] = {"n_epochs": 1, "batch_size": 8, "model_type": "SingleCNN"}
    config = tiny_config(
        tmp_path / ODD, [toy_gamma], auxiliary={"weights": {"energy": 1.0}, "ctlearn": ctlearn}
    )
    folder = tmp_path / ODD / "auxiliary"
    assert obtain_auxiliary(config, read_events([toy_gamma]), folder).parent == folder
    mixed = json.loads((folder / "gan_augment.json").read_text())
    assert mixed["symmetries"] > 1


@pytest.mark.parametrize("backend", ["module://backend_of_a_notebook", "nonsense"])
def test_a_notebooks_backend_does_not_matter(tmp_path, tiny_bundle, backend):
    target = tmp_path / "images.png"
    command = [sys.executable, "-m", "ctlearn_gan_aug.cli.main", "preview", str(tiny_bundle)]
    ended = subprocess.run(
        [*command, "--n-images", "1", "--output", str(target)],
        env=os.environ | {"MPLBACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert target.exists()
