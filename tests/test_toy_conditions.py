"""Toy simulations under other conditions: the night sky, the optics and the trigger differ."""

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from ctlearn_gan_aug.cli.main import cli
from ctlearn_gan_aug.data.toy.conditions import Conditions
from ctlearn_gan_aug.data.toy.events import event_batches
from ctlearn_gan_aug.data.toy.pixels import GRIDS
from ctlearn_gan_aug.errors import UserError


def seen(**changes):
    return next(event_batches("gamma", 3, GRIDS["hex127"], Conditions(**changes)))


@pytest.fixture(scope="module")
def usual():
    return seen()


def test_a_brighter_night_sky_is_in_dark_pixels(usual):
    bright = seen(night_sky=2.0)
    np.testing.assert_array_equal(bright.photo_electrons, usual.photo_electrons)
    dark = usual.photo_electrons == 0
    np.testing.assert_allclose(bright.charge[dark], 2 * usual.charge[dark], rtol=1e-5)


def test_a_higher_trigger_takes_faint_images(usual):
    strict = seen(trigger=10.0)
    assert set(strict.thrown_index) < set(usual.thrown_index)
    taken = ~np.isin(usual.thrown_index, strict.thrown_index)
    light = usual.photo_electrons.sum(axis=1)
    assert np.median(light[taken]) < 0.5 * np.median(light[~taken])


def test_blurred_optics_spread_the_same_light(usual):
    blurred = seen(point_spread=0.1)
    sharp = usual.select(np.isin(usual.thrown_index, blurred.thrown_index)).photo_electrons
    wide = blurred.select(np.isin(blurred.thrown_index, usual.thrown_index)).photo_electrons
    assert len(sharp) == len(wide) > 100
    assert (wide > 0).sum() > 1.1 * (sharp > 0).sum()
    assert wide.sum() == pytest.approx(sharp.sum(), rel=0.05)


def test_a_file_says_its_conditions(tmp_path):
    target = tmp_path / "toy.dl1.h5"
    given = ["simulate", "--particle", "gamma", "--n-events", "5", "--camera", "hex127"]
    given += ["--night-sky", "1.5", "--point-spread", "3 arcmin", "--output", str(target)]
    result = CliRunner().invoke(cli, given, catch_exceptions=False)
    assert result.exit_code == 0
    with h5py.File(target) as file:
        found = {name: file.attrs[f"CONTEXT {name}"] for name in ("NIGHT SKY", "POINT SPREAD")}
        assert found == {"NIGHT SKY": 1.5, "POINT SPREAD": pytest.approx(0.05)}
        assert file.attrs["CONTEXT TRIGGER"] == 5.0


@pytest.mark.parametrize("change", [{"night_sky": 0.0}, {"trigger": -1.0}])
def test_conditions_without_sense_are_refused(change):
    with pytest.raises(UserError, match=f"{next(iter(change))} is"):
        Conditions(**change)
