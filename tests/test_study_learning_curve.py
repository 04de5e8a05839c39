"""Amplification, read off learning curves that are known."""

import numpy as np
import pytest

from ctlearn_gan_aug.study.learning_curve import amplification, equivalent_size

SIZES = np.array([1000, 2000, 4000, 8000, 16000])
RNG = np.random.default_rng


def power_law(sizes, index=-0.5):
    return 3.0 * np.asarray(sizes, float) ** index


def over_seeds(errors, spread, n_seeds, seed=1):
    """Errors (n, n_seeds) with a relative scatter."""
    noise = RNG(seed).normal(0, spread, (len(errors), n_seeds))
    return np.asarray(errors)[:, None] * np.exp(noise)


@pytest.mark.parametrize("index", [-0.1, -0.5, -1.0])
@pytest.mark.parametrize("n", [1000, 2500, 6000, 16000])
def test_on_a_power_law_the_size_is_exact(index, n):
    curve = power_law(SIZES, index)
    assert equivalent_size(SIZES, curve, power_law(n, index)) == pytest.approx(n)


def test_beyond_its_ends_the_curve_tells_a_limit():
    curve = np.repeat(power_law(SIZES)[:, None], 3, axis=1)
    better, worse = np.full(3, power_law(50_000)), np.full(3, power_law(500))
    found = amplification(SIZES, curve, 4000, better, RNG(0))
    assert (found.factor, found.limit) == (pytest.approx(4.0), "least")
    found = amplification(SIZES, curve, 4000, worse, RNG(0))
    assert (found.factor, found.limit) == (pytest.approx(0.25), "most")
    found = amplification(SIZES, curve, 4000, np.full(3, power_law(10_000)), RNG(0))
    assert (found.factor, found.limit) == (pytest.approx(2.5), "")
    assert found.high - found.low == pytest.approx(0.0, abs=1e-9)


def test_a_rise_by_chance_is_levelled():
    curve = np.array([1.0, 0.5, 0.55, 0.3])
    sizes = np.array([1000, 2000, 4000, 8000])
    level = np.sqrt(0.5 * 0.55)
    middle = np.sqrt(2000 * 4000)
    assert equivalent_size(sizes, curve, level) == pytest.approx(middle)
    assert middle < equivalent_size(sizes, curve, 0.5 * (level + 0.3)) < 8000


def test_the_same_arm_is_worth_itself():
    curve = over_seeds(power_law(SIZES), 0.02, 3)
    found = amplification(SIZES, curve, 4000, curve[2], RNG(0))
    assert found.factor == pytest.approx(1.0)
    assert found.low == pytest.approx(1.0) and found.high == pytest.approx(1.0)


@pytest.mark.parametrize("n_seeds", [3, 10])
def test_the_interval_holds_the_truth_as_often_as_it_says(n_seeds):
    """Truth is 2; errors scatter by 5 %, which on a curve of index -1/2 is 10 % of the size."""
    inside, widths = 0, []
    for trial in range(25):
        curve = over_seeds(power_law(SIZES), 0.05, n_seeds, seed=trial)
        errors = over_seeds([power_law(4000)], 0.05, n_seeds, seed=1000 + trial)[0]
        found = amplification(SIZES, curve, 2000, errors, RNG(trial))
        inside += found.low <= 2.0 <= found.high
        widths.append(0.5 * np.log(found.high / found.low))
    expected = 2 * 0.05 * np.sqrt(2 / n_seeds)  # of the curve's point and the arm
    assert np.median(widths) == pytest.approx(expected, rel=0.3)
    assert 0.45 <= inside / 25 <= 0.9


def test_one_seed_has_no_error():
    curve = power_law(SIZES)[:, None]
    found = amplification(SIZES, curve, 1000, np.array([power_law(3000)]), RNG(0))
    assert found.factor == pytest.approx(3.0)
    assert np.isnan([found.low, found.high]).all()
