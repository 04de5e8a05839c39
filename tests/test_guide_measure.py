"""Errors of single events, whose means are what the field quotes."""

import numpy as np
import pytest
from astropy.table import Table
from sklearn.metrics import roc_auc_score

from ctlearn_gan_aug.guide.measure import blind_error, event_errors
from ctlearn_gan_aug.guide.predict import Predicted

FOCAL_LENGTH = 17.0


def predicted(outputs: dict, is_signal: bool = True, charge=None, **labels) -> Predicted:
    n = len(next(iter(outputs.values())))
    columns = dict.fromkeys(("log_true_energy", "cam_coord_offset_x", "cam_coord_offset_y"), 0.0)
    columns |= dict.fromkeys(("fov_lon", "fov_lat"), 0.0)
    table = Table({name: np.zeros(n) + labels.get(name, value) for name, value in columns.items()})
    charge = np.full(n, 100.0) if charge is None else charge
    return Predicted(table, outputs, charge, 1039, FOCAL_LENGTH, is_signal)


def scores(signal: np.ndarray) -> dict:
    return {"type": np.stack([1 - signal, signal], axis=1)}


def test_the_mean_type_error_is_one_minus_auc():
    rng = np.random.default_rng(1)
    gamma, proton = np.round(rng.beta(3, 2, 150), 1), np.round(rng.beta(2, 3, 120), 1)
    events = {"gamma": predicted(scores(gamma)), "proton": predicted(scores(proton), False)}
    auc = roc_auc_score(np.repeat([1, 0], [150, 120]), np.concatenate([gamma, proton]))
    for name, other in (("gamma", "proton"), ("proton", "gamma")):
        error = event_errors("type", events[name], events[other])
        assert error.mean() == pytest.approx(1 - auc)


def test_types_are_compared_at_like_charge():
    """Bright events are told apart from bright ones, whatever the faint ones are like."""
    charge = np.repeat([1e2, 1e4], 300)
    bright = charge > 1e3
    proton = predicted(scores(np.where(bright, 0.6, 0.0)), False, charge)
    gamma = predicted(scores(np.full(600, 0.5)), charge=charge)
    np.testing.assert_array_equal(event_errors("type", gamma, proton), bright.astype(float))


def test_directions_are_angles_on_the_sky():
    metres = np.array([[0.17, 0.0], [0.0, -0.34]])
    camera = predicted({"cameradirection": metres})
    expected = np.degrees([0.01, 0.02])
    np.testing.assert_allclose(event_errors("cameradirection", camera), expected)
    sky = predicted({"skydirection": np.array([[1.0, 0.0], [0.3, 0.4]])}, fov_lat=0.0)
    np.testing.assert_allclose(event_errors("skydirection", sky), [1.0, 0.5], rtol=1e-3)


def test_a_blind_guess_is_the_median():
    energy = np.array([-1.0, 0.0, 0.0, 1.0])
    events = predicted({"energy": energy[:, None]}, log_true_energy=energy)
    assert blind_error("energy", events) == 0.5
    x = np.array([0.17, -0.17, 0.17, -0.17])
    events = predicted({"cameradirection": np.zeros((4, 2))}, cam_coord_offset_x=x)
    assert blind_error("cameradirection", events) == pytest.approx(np.degrees(0.01))
