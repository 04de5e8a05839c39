"""How far a run is, by steps or by time, and the rates that follow."""

import numpy as np
import pytest

from ctlearn_gan_aug.config.train import TrainingConfig, WarmupConfig
from ctlearn_gan_aug.training import schedule as schedule_module
from ctlearn_gan_aug.training.schedule import Schedule, falling, rising


def test_schedule_decays_and_warms_up():
    warmup = WarmupConfig(weight=10.0, final_weight=2.0, learning_rate=2e-3)
    config = TrainingConfig(steps=100, decay=0.5, learning_rate=1e-3)
    schedule = Schedule(config, warmup, n_events=10)
    assert schedule.is_warmup
    assert schedule.pair_weight(15) == 10.0
    assert schedule.learning_rates(15) == pytest.approx((2e-3 * 0.16, 1e-3))  # of 100 steps
    schedule.set_warmup(20)
    assert not schedule.is_warmup
    assert schedule.pair_weight(20) == 10.0
    assert schedule.pair_weight(30) == pytest.approx(6.0)
    assert schedule.pair_weight(50) == 2.0
    assert schedule.learning_rates(40)[0] == 1e-3
    assert schedule.learning_rates(75)[0] == pytest.approx(5e-4)
    assert not Schedule(config, WarmupConfig(fraction=0), n_events=10).is_warmup


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = [100.0]
    monkeypatch.setattr(schedule_module.time, "monotonic", lambda: now[0])
    return now


def test_a_budget_is_counted_in_steps_at_the_present_speed(clock):
    """A run that is slowed down by other work does not lower its rates before its time."""
    schedule = Schedule(TrainingConfig(budget="1000 s"), WarmupConfig(), n_events=10)
    assert schedule.fraction(0) == 0.0
    clock[0] += 50  # compilation
    assert schedule.fraction(1) == pytest.approx(0.05)
    for step in range(1, 201):
        schedule.pace.tick(step)
        clock[0] += 1
    assert schedule.expected_steps(200) == pytest.approx(950, rel=0.01)
    assert schedule.fraction(200) == pytest.approx(200 / 950, rel=0.01)
    for step in range(201, 301):  # four times as slow
        schedule.pace.tick(step)
        clock[0] += 4
    assert schedule.fraction(300) == pytest.approx(300 / (300 + 350 / 4), rel=0.02)
    clock[0] += 350
    assert schedule.fraction(301) == 1.0


@pytest.mark.parametrize(
    ("options", "factors"),
    [
        ({}, [1, 1, 1, 1, 1]),
        ({"decay": 0.5}, [1, 1, 1, 0.5, 1e-3]),
        ({"decay": 1.0}, [1, 0.75, 0.5, 0.25, 1e-3]),
        ({"decay": 0.5, "decay_shape": "cosine"}, [1, 1, 1, 0.5, 1e-3]),
        ({"decay": 1.0, "decay_shape": "cosine"}, [1, 0.8535534, 0.5, 0.1464466, 1e-3]),
        ({"rise": 0.5}, [1e-3, 0.5, 1, 1, 1]),
        ({"rise": 1.0, "decay": 1.0}, [1e-3, 0.1875, 0.25, 0.1875, 1e-3]),
    ],
)
def test_rates_rise_and_fall(options, factors):
    config = TrainingConfig(steps=100, learning_rate=0.5, critic_learning_rate=1.0, **options)
    schedule = Schedule(config, WarmupConfig(fraction=0), n_events=10)
    found = [schedule.learning_rates(step) for step in (0, 25, 50, 75, 100)]
    np.testing.assert_allclose(found, np.outer(factors, [0.5, 1.0]), rtol=1e-6)


@pytest.mark.parametrize(("power", "factors"), [(0.5, [1, 0.5, 1e-3]), (0.0, [1, 1, 1])])
def test_the_critics_rate_falls_later(power, factors):
    config = TrainingConfig(steps=80, learning_rate=1.0, decay=0.5, critic_decay_power=power)
    schedule = Schedule(config, WarmupConfig(fraction=0), n_events=10)
    found = [schedule.learning_rates(step) for step in (40, 70, 80)]
    np.testing.assert_allclose(found, np.column_stack([[1, 0.25, 1e-3], factors]), rtol=1e-6)


def test_rates_rise_after_the_warmup():
    """The warm-up has its own rate at once; the rise is a share of what comes after it."""
    config = TrainingConfig(steps=100, rise=0.25, learning_rate=1.0)
    schedule = Schedule(config, WarmupConfig(learning_rate=0.5, rise=0), n_events=10)
    assert [schedule.learning_rates(step)[0] for step in (0, 19)] == [0.5, 0.5]
    schedule.set_warmup(20)
    found = [schedule.learning_rates(step)[0] for step in (20, 30, 40, 99)]
    np.testing.assert_allclose(found, [1e-3, 0.5, 1.0, 1.0], rtol=1e-6)


def test_shapes_of_the_fall_by_hand():
    assert falling(0.3, 0.2, "cosine") == 1.0
    assert falling(0.2, 0.2, "linear") == 1.0
    assert falling(0.05, 0.2, "linear") == pytest.approx(0.25)
    assert falling(0.05, 0.2, "cosine") == pytest.approx(0.5 - 0.5 * np.cos(np.pi / 4))
    assert falling(0.0, 0.2, "cosine") == 0.0
    assert rising(0.0, 0.0) == 1.0
    assert rising(0.02, 0.1) == pytest.approx(0.2)


@pytest.mark.parametrize("total", [60, 100, 7])
def test_rates_are_full_right_after_any_warmup(total):
    """Rounding must not let the adversarial part begin before its start."""
    schedule = Schedule(TrainingConfig(steps=total, learning_rate=1e-3), WarmupConfig(), 10)
    for end in range(1, total):
        schedule.set_warmup(end)
        assert schedule.learning_rates(end)[0] == 1e-3
