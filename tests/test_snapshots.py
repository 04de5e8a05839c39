"""Scores of snapshots: least for a generator with simulation's distribution at equal labels."""

import numpy as np
import pytest

from ctlearn_gan_aug.training.diversity import PairDistances, coverage, mean_w1
from ctlearn_gan_aug.training.snapshots import Snapshots

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
    right = PairDistances.of(simulated, draw(), draw(), sigma)
    wrong = PairDistances.of(simulated, draw(**fault), draw(**fault), sigma)
    assert wrong.score > 1.02 * right.score


def test_w1_of_a_shift_and_of_simulation(draw):
    sigma = np.full(2, 2.0)
    assert mean_w1(draw(), draw(shift=0.5), sigma) == pytest.approx(0.25, abs=0.02)
    assert mean_w1(draw(), draw(), sigma) < 0.03
    assert mean_w1(draw(), draw(shuffled=True), sigma) < 0.03  # it does not ask for labels


def test_missing_images_count(draw):
    simulated, sigma = draw(), np.ones(2)
    missing = draw()
    missing[::4] = np.nan
    right = PairDistances.of(simulated, draw(), draw(), sigma).score
    assert PairDistances.of(simulated, missing, missing, sigma).score > 1.5 * right
    both = np.full_like(simulated, np.nan)
    assert PairDistances.of(both, both, both, sigma).score == 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [({}, 1.0), ({"spread": 0.15}, 0.63), ({"spread": 0.0}, 0.0), ({"spread": 0.6}, 1.26)],
    ids=str,
)
def test_spread_at_equal_labels(draw, fault, expected):
    """Distances of normal numbers go with the root of the sum of their variances."""
    found = PairDistances.of(draw(), draw(**fault), draw(**fault), np.ones(2))
    assert found.spread == pytest.approx(expected, abs=0.02)


def test_coverage_of_simulation_of_one_mode_and_of_nothing(draw):
    simulated, sigma = draw()[:500], np.ones(2)
    assert coverage(simulated, draw()[:500], sigma) > 0.93
    assert coverage(simulated, draw()[:500] / 10, sigma) < 0.2
    assert coverage(simulated, np.full((500, 2), np.nan), sigma) == 0.0
    constant = np.column_stack([simulated, np.ones(500)])  # such as times that no one took
    assert coverage(constant, constant, np.append(sigma, 0.0)) == 1.0
    assert np.isnan(coverage(simulated[:3], simulated, sigma))


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
    monkeypatch.setattr(PairDistances, "score", property(lambda _: next(scores)))
    for step in (1, 2, 3):
        snapshots.take(step, [np.full(2, step)])
    best = snapshots.best
    assert (best["step"], best["score"]) == (2, pytest.approx(0.52))
    assert (best["lowest"], best["lowest_error"]) == (pytest.approx(0.5), pytest.approx(0.01))
