"""The critic starts when pairs have taught what they can, and pauses if that is lost."""

from types import SimpleNamespace

import numpy as np
import pytest

from ctlearn_gan_aug.config.train import TrainingConfig, WarmupConfig
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.intensity import IntensityTransform
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.training.schedule import Schedule
from ctlearn_gan_aug.training.warmup import Warmup


class Step:
    """Makes night sky at first, and simulated images of the right labels for a growing part."""

    def __init__(self, events, labels):
        self.intensity = IntensityTransform.fit(events.pixels, events.masks, events.channels)
        self.events, self.labels, self.camera = events, labels, events.camera
        self.lit, self.brightest = 0.0, np.inf

    def real_images(self, pixels):
        import keras

        encoded = keras.ops.convert_to_numpy(self.intensity.encode(np.asarray(pixels)))
        return self.camera.to_grid(encoded)

    def sample(self, encoded, number):
        from ctlearn_gan_aug.training.warmup import _night_sky

        n = len(encoded)
        images = np.array(_night_sky(self, (n, self.camera.n_pixels, 2), 5 + number))
        lit = np.arange(n) < self.lit * n
        images[lit] = self.events.pixels[:n][lit]
        images[..., 0] = np.minimum(images[..., 0], self.brightest)
        return images


@pytest.fixture(scope="module")
def events(toy_gamma):
    return read_events([toy_gamma]).sample(200)


@pytest.fixture
def made(events):
    """A warm-up of 2000 steps with what it notes, and its pretended generator."""
    labels = LabelSet.fit(["energy", "cameradirection"], events.labels)
    schedule = Schedule(TrainingConfig(steps=2000), WarmupConfig(), n_events=200)
    step, notes = Step(events, labels), {}
    warmup = Warmup(schedule, step, events, labels, notes.__setitem__)
    return SimpleNamespace(warmup=warmup, schedule=schedule, step=step, notes=notes)


def train(made, first, lit_at):
    """Steps from one on; the part of images that is lit as a function of the step."""
    for number in range(first, first + len(lit_at)):
        made.step.lit = lit_at[number - first]
        made.warmup.after(number)


def test_it_ends_when_the_gain_stops_growing(made, caplog):
    growing = np.minimum(np.maximum(np.arange(1, 1001) - 100, 0) / 300, 0.8)  # until step 340
    with caplog.at_level("INFO", "ctlearn_gan_aug"):
        train(made, 1, growing[:150])
        assert made.schedule.is_warmup  # standing still at night sky is no end
        train(made, 151, growing[150:])
    assert 400 <= made.schedule.warmup_end <= 450
    assert "the critic starts" in caplog.text
    gains = [found["gain"] for found in made.notes.values()]
    assert gains[0] == pytest.approx(0, abs=0.02)
    assert max(gains) > 0.3
    assert made.notes[25]["dark"] > 0.9


def test_showers_too_faint_for_the_cleaning_are_no_night_sky(made, caplog):
    """As pairs make of protons, whose labels tell little; a critic makes them bright."""
    made.step.brightest = 4.0  # p.e.
    train(made, 1, np.full(600, 0.9))
    assert made.notes[25]["dark"] > 0.9
    assert made.notes[25]["gain"] > 0.05
    assert made.schedule.warmup_end == 125
    assert "again" not in caplog.text


def test_a_night_sky_that_stays_ends_it_late_and_is_said(made, caplog):
    train(made, 1, np.zeros(1100))
    assert made.schedule.warmup_end == 1000
    assert "images still show night sky alone" in caplog.text


def test_a_generator_that_dies_learns_from_pairs_again(made, caplog):
    train(made, 1, np.full(499, 0.9))
    assert made.schedule.warmup_end == 125
    train(made, 500, np.zeros(60))
    assert made.schedule.is_warmup
    assert "learns from pairs alone again" in caplog.text
    train(made, 560, np.full(200, 0.9))
    assert 560 < made.schedule.warmup_end < 760


def test_a_resumed_warmup_ends_where_the_uninterrupted_one_does(events, made):
    growing = np.minimum(np.arange(1, 701) / 300, 0.8)
    train(made, 1, growing[:230])
    again = Warmup(made.schedule, made.step, events, made.step.labels, made.notes.__setitem__)
    again.restore(made.warmup.state)
    train(made, 231, growing[230:])
    end, made.warmup = made.schedule.warmup_end, again
    made.schedule.set_warmup(None)
    train(made, 231, growing[230:])
    assert made.schedule.warmup_end == end > 230


def test_a_short_budget_is_said_early(events, made, caplog, monkeypatch):
    from ctlearn_gan_aug.training import schedule as schedule_module

    now = [0.0]
    monkeypatch.setattr(schedule_module.time, "monotonic", lambda: now[0])
    made.warmup.schedule = Schedule(TrainingConfig(budget="600 s"), WarmupConfig(), n_events=200)
    for number in range(1, 60):
        now[0] += 2.0
        made.warmup.schedule.pace.tick(number)
        made.warmup.after(number)
        assert ("training.budget: at this speed" in caplog.text) == (now[0] >= 60)
    assert caplog.text.count("300 steps at most") == 1
    assert "give 5.6 h or more" in caplog.text  # 10 000 steps of 2 s
