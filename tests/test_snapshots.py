"""Scores of snapshots: least for a generator with simulation's distribution at equal labels."""

import numpy as np
import pytest

from ctlearn_gan_aug.training.snapshots import Snapshots, conditional_score, mean_w1

N = 4000


@pytest.fixture(scope="module")
def draw():
    """Draws parameters (N, 2) that follow labels, with a spread of their own."""
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(N, 2))

    def drawn(spread=0.3, shift=0.0, follow=1.0, shuffled=False):
        mean = labels[rng.permutation(N)] if shuffled else labels
        return follow * mean + shift + spread * rng.normal(size=(N, 2))

    return drawn


FAULTS = (
    {"shift": 0.2},
    {"spread": 0.15},
    {"spread": 0.5},
    {"follow": 0.8},
    {"shuffled": True},
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(fault))
def test_score_is_least_for_the_right_distribution(draw, fault):
    simulated, sigma = draw(), np.ones(2)
    right = conditional_score(simulated, draw(), draw(), sigma)
    wrong = conditional_score(simulated, draw(**fault), draw(**fault), sigma)
    assert wrong > 1.02 * right


def test_w1_of_a_shift_and_of_simulation(draw):
    sigma = np.full(2, 2.0)
    assert mean_w1(draw(), draw(shift=0.5), sigma) == pytest.approx(0.25, abs=0.02)
    assert mean_w1(draw(), draw(), sigma) < 0.03
    assert mean_w1(draw(), draw(shuffled=True), sigma) < 0.03  # it does not ask for labels


def test_missing_images_count(draw):
    simulated, sigma = draw(), np.ones(2)
    missing = draw()
    missing[::4] = np.nan
    right = conditional_score(simulated, draw(), draw(), sigma)
    assert conditional_score(simulated, missing, missing, sigma) > 1.5 * right
    both = np.full_like(simulated, np.nan)
    assert conditional_score(both, both, both, sigma) == 0


@pytest.fixture
def held_out(toy_gamma):
    from ctlearn_gan_aug.data.events import read_events
    from ctlearn_gan_aug.labels import LabelSet

    events = read_events([toy_gamma]).select(np.arange(120))
    return events, LabelSet.fit(["energy", "cameradirection"], events.labels)


def test_the_best_state_is_kept(tmp_path, held_out):
    events, labels = held_out
    made = {"pixels": None}
    snapshots = Snapshots(
        tmp_path / "best",
        events,
        labels,
        lambda encoded, number: made["pixels"],
    )
    images = events.pixels[:]
    scores = {}
    for step, factor in ((1, 3.0), (2, 1.0), (3, 0.3)):
        made["pixels"] = images * np.array([factor, 1.0], np.float32)
        scores[step] = snapshots.take(step, [np.full(2, step)])["snapshot_score"]
    assert scores[2] == pytest.approx(0, abs=1e-6)  # the simulated images themselves
    assert min(scores[1], scores[3]) > 0.1
    assert snapshots.best["step"] == 2
    np.testing.assert_array_equal(snapshots.best_weights(), [[2, 2]])
    made["pixels"] = images
    snapshots.take(4, [np.full(2, 4)])
    assert snapshots.best["step"] == 4  # of equal states the later


def test_a_later_state_is_kept_unless_it_is_clearly_worse(tmp_path, held_out, monkeypatch):
    events, labels = held_out
    images = events.pixels[:]
    snapshots = Snapshots(tmp_path / "best", events, labels, lambda encoded, number: images)
    # Four pairs each: means 0.50, 0.52 and 0.53, standard errors 0.01.
    spread = np.array([-1.0, 1.0, -1.0, 1.0]) * 0.01 * np.sqrt(3)
    scores = iter(np.concatenate([0.50 + spread, 0.52 + spread, 0.53 + spread]))
    monkeypatch.setattr(
        "ctlearn_gan_aug.training.snapshots.conditional_score", lambda *_: next(scores)
    )
    for step in (1, 2, 3):
        snapshots.take(step, [np.full(2, step)])
    best = snapshots.best
    assert (best["step"], best["score"]) == (2, pytest.approx(0.52))
    assert (best["lowest"], best["lowest_error"]) == (pytest.approx(0.5), pytest.approx(0.01))
