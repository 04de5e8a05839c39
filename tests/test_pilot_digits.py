"""The thesis' pilot in examples/: generated digits are the digits that were asked for."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "pilot_digits.py"


@pytest.fixture
def pilot():
    specification = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_digits_follow_their_labels_after_a_few_steps(pilot, tmp_path):
    found = pilot.main(tmp_path / "digits.png", steps=100)
    assert found["held out"] > 0.97
    assert found["untrained generator"] < 0.25
    assert found["generated"] > found["untrained generator"] + 0.3
    assert (tmp_path / "digits.png").stat().st_size > 5000
