"""Where to augment, decided from arrays: holes are found, and nothing else is proposed."""

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ctlearn_gan_aug.config.augment import GanAugmentConfig
from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.guide.advice import Kind, judge_cells
from ctlearn_gan_aug.guide.block import Need, boxes, make_block
from ctlearn_gan_aug.guide.cells import MIN_TEST, CellErrors, Grid
from ctlearn_gan_aug.guide.filling import Filling
from ctlearn_gan_aug.guide.trend import Excess

HOLE = 3.0  # TeV


def simulate(n: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """log10 TeV and deg of ``n`` diffuse events of a spectrum E^-2 from 0.1 to 30 TeV."""
    log_energy = -np.log10(10 - rng.random(n) * (10 - 1 / 30))
    return log_energy, 2.5 * np.sqrt(rng.random(n))


def thin_out(events, kept: float, rng):
    """Events without most of those above `HOLE`."""
    stays = (events[0] < np.log10(HOLE)) | (rng.random(len(events[0])) < kept)
    return tuple(values[stays] for values in events)


def errors_of(events, factor: float, rng) -> np.ndarray:
    """Absolute errors that fall with energy, and are ``factor`` times as large above `HOLE`."""
    log_energy, offset = events
    width = 0.12 + 0.05 * (log_energy - 1.0) ** 2 + 0.02 * offset**2
    width = width * np.where(log_energy > np.log10(HOLE), factor, 1.0)
    return np.abs(rng.normal(0, width))


def verdicts_of(training, test, factor, rng, objection=lambda cell, factors: None):
    grid = Grid.fit(*test, 3, 0.25)
    cell = grid.locate(*test)
    filling = Filling.of(grid.count(grid.locate(*training)), grid.count(cell))
    errors = CellErrors.of("energy", "dex", errors_of(test, factor, rng), cell, grid)
    excess = Excess.of(errors, filling, grid)
    return grid, filling, judge_cells(grid, filling, [excess], objection)


def high_cells(grid: Grid) -> set[tuple[int, int]]:
    """Cells that lie above `HOLE`, up to the resolution of the edges."""
    return {cell for cell in grid if grid.limits(*cell)[0][0] > 0.9 * HOLE}


@pytest.mark.parametrize("seed", range(5))
def test_a_hole_that_harms_is_found_and_nothing_else(seed):
    rng = np.random.default_rng(seed)
    training = thin_out(simulate(8000, rng), 0.05, rng)
    grid, _, verdicts = verdicts_of(training, simulate(6000, rng), 2.5, rng)
    taken = {cell for cell, verdict in verdicts.items() if verdict.taken}
    assert taken == high_cells(grid)
    assert len(taken) >= 3


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_without_a_hole_nothing_is_proposed(seed, factor):
    """Even if the error is larger there: more events would not mend it where there are enough."""
    rng = np.random.default_rng(seed)
    _, filling, verdicts = verdicts_of(simulate(8000, rng), simulate(4000, rng), factor, rng)
    assert not filling.hole.any()
    wanted = {cell for cell, verdict in verdicts.items() if verdict.wanted}
    assert not wanted if factor == 1.0 else all(filling.thin[cell] for cell in wanted)


@pytest.mark.parametrize("seed", range(10))
def test_a_hole_that_harms_nothing_is_left(seed):
    rng = np.random.default_rng(seed)
    training = thin_out(simulate(8000, rng), 0.05, rng)
    grid, filling, verdicts = verdicts_of(training, simulate(4000, rng), 1.0, rng)
    kinds = {verdicts[cell].kind for cell in high_cells(grid)}
    assert Kind.EXPECTED in kinds <= {Kind.EXPECTED, Kind.UNKNOWN}
    assert filling.hole.any()


def test_what_the_generator_is_not_good_enough_for_is_left_with_its_reason():
    rng = np.random.default_rng(0)
    training = thin_out(simulate(8000, rng), 0.05, rng)
    grid, _, verdicts = verdicts_of(
        training, simulate(4000, rng), 2.0, rng, lambda cell, factors: "it is of no use"
    )
    for cell in high_cells(grid):
        assert verdicts[cell].kind is Kind.GENERATOR
        assert verdicts[cell].wanted
        assert "it is of no use" in verdicts[cell].reason
        assert "times the trend" in verdicts[cell].reason


def test_a_steady_rise_of_the_error_towards_a_thin_end_is_no_reason():
    """Faint, distant or truncated showers are hard whatever their number: nature thins both."""
    rng = np.random.default_rng(3)
    training, test = simulate(4000, rng), simulate(60000, rng)
    grid = Grid.fit(*test, 3, 0.25)
    cell = grid.locate(*test)
    filling = Filling.of(grid.count(grid.locate(*training)), grid.count(cell))
    assert filling.thin.any()
    rising = np.abs(rng.normal(0, 0.1 * 10 ** (0.3 * test[0])))
    starved = np.where(test[0] > 1.0, 1.5, 1.0) * rising
    for error, found in ((rising, False), (starved, True)):
        excess = Excess.of(CellErrors.of("energy", "dex", error, cell, grid), filling, grid)
        assert (excess.significant & filling.thin).any() == found


def test_too_few_cells_to_compare_with_say_nothing():
    rng = np.random.default_rng(1)
    test = (rng.uniform(0.5, 0.6, 200), np.full(200, 0.4))
    training = (rng.uniform(0.5, 0.6, 3), np.full(3, 0.4))
    *_, verdicts = verdicts_of(training, test, 2.0, rng)
    assert not any(verdict.wanted for verdict in verdicts.values())


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(2 * MIN_TEST, 3000),
    n_offsets=st.integers(1, 6),
    width=st.floats(0.1, 0.5),
    seed=st.integers(0, 999),
)
def test_every_test_event_lies_in_one_cell(n, n_offsets, width, seed):
    events = simulate(n, np.random.default_rng(seed))
    grid = Grid.fit(*events, n_offsets, width)
    cell = grid.locate(*events)
    assert (cell >= 0).all()
    assert grid.count(cell).sum() == n
    assert (np.diff(grid.energy_edges) > 0).all() and (np.diff(grid.offset_edges) > 0).all()
    for row, column in grid:
        (low, high), (inner, outer) = grid.limits(row, column)
        here = cell == row * grid.shape[1] + column
        energy, offset = 10 ** events[0][here], events[1][here]
        assert ((energy >= low * (1 - 1e-9)) & (energy < high * (1 + 1e-9))).all()
        assert ((offset >= inner) & (offset < outer)).all()


@settings(max_examples=100, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 4))))
def test_boxes_cover_exactly_the_chosen_cells_once(chosen):
    covered = np.zeros(chosen.shape, int)
    for box in boxes(chosen):
        covered[box.rows, box.columns] += 1
    np.testing.assert_array_equal(covered, chosen.astype(int))
    assert not chosen.all() or len(boxes(chosen)) == 1


def test_the_block_is_valid_and_fills_what_is_missing():
    needs = [
        Need("gamma", (0.5, 1.5), (0.0, 2.5), 300.0),
        Need("proton", (-1.0, -0.5), (1.0, 2.5), 100.0),
    ]
    text = make_block({"gamma": "runs/gamma 1/bundle", "proton": "b: #2"}, needs, 7600)
    block = parse(GanAugmentConfig, yaml.safe_load(text)["gan_augment"])
    assert str(block.generators["gamma"]) == "runs/gamma 1/bundle"
    assert str(block.generators["proton"]) == "b: #2"
    assert block.fraction == pytest.approx(400 / 8000)
    gamma, proton = block.regions
    assert gamma.energy == pytest.approx((10**0.5, 10**1.5), rel=1e-3)
    assert gamma.offset == (0.0, 2.5)
    assert gamma.weight == 3 * proton.weight
    assert proton.particle == "proton"
