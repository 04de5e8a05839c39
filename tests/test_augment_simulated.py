"""What a block does with the training's own simulated events: turning them, drawing them again."""

import numpy as np
import pytest
from augment_fakes import (
    BATCH,
    TRAINING,
    augmented_tool,
    make_toy_files,
    make_untrained_bundle,
    write_config,
)

from ctlearn_gan_aug.data.mapper import GridMapper
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.symmetry import Turns

TASKS = ["energy", "cameradirection"]
#: Untrained generators may give night sky alone.
NO_CUT = {
    "DLImageReader": TRAINING["DLImageReader"] | {"TableQualityQuery": {"quality_criteria": []}}
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_toy_files(tmp_path_factory.mktemp("data"), n_events=300)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_up(workplace, data, block, *options, tasks=TASKS, background=False, **training):
    """A tool that is ready to train."""
    tool = augmented_tool()
    argv = ["--config", write_config(workplace, block, **training), "--output", "out"]
    argv += ["--signal", str(data / "gamma"), *options]
    argv += ["--background", str(data / "proton")] if background else []
    for task in tasks:
        argv += ["--reco", task]
    tool.initialize(argv)
    tool.setup()
    return tool


def epoch(tool):
    """All images and labels of an epoch."""
    batches = list(tool.training_loader.as_numpy_iterator())
    images = np.concatenate([batch[0] for batch in batches])
    labels = {name: np.concatenate([b[1][name] for b in batches]) for name in batches[0][1]}
    return images, labels


@pytest.fixture(scope="module")
def events(data):
    """Pixels of the gammas, their labels, the camera."""
    from ctlearn_gan_aug.data.events import read_events

    return read_events([data / "gamma" / "gamma.dl1.h5"])


def rows_of(events, energies):
    """The event of each energy."""
    known = np.asarray(events.labels["log_true_energy"])
    distance = np.abs(known[:, None] - np.asarray(energies)[None, :])
    assert distance.min(axis=0).max() < 1e-5
    return distance.argmin(axis=0)


def test_symmetries_turn_images_with_their_directions(workplace, data, events):
    tool = set_up(workplace, data, {"symmetries": True})
    images, labels = epoch(tool)
    turns = Turns.of(events.camera)
    to_grid = GridMapper(events.camera.mapping("ShiftingMapper"), *images.shape[1:3])
    used = set()
    for row, image, direction in zip(
        rows_of(events, labels["energy"]), images, labels["cameradirection"], strict=True
    ):
        every = turns.turn_pixels(events.pixels[[row] * len(turns)], np.arange(len(turns)))
        errors = np.abs(to_grid(every) - image).max(axis=(1, 2, 3))
        turn = int(errors.argmin())
        assert errors[turn] < 1e-3
        own = [float(events.labels[f"cam_coord_offset_{axis}"][row]) for axis in "xy"]
        np.testing.assert_allclose(direction, turns.in_camera[turn] @ own, atol=1e-5)
        used.add(turn)
    assert used == set(range(len(turns)))
    # Every event once, and another turn in the next epoch.
    assert len(np.unique(labels["energy"])) == len(images)
    tool._mixed.end_epoch()
    assert not np.array_equal(epoch(tool)[0], images)


def test_validation_is_never_turned(workplace, data, events):
    tool = set_up(workplace, data, {"symmetries": True}, tasks=["energy"])
    (images, labels), *_ = tool.validation_loader
    to_grid = GridMapper(events.camera.mapping("ShiftingMapper"), *images.shape[1:3])
    plain = to_grid(np.asarray(events.pixels[rows_of(events, labels["energy"])]))
    np.testing.assert_allclose(images, plain, atol=1e-3)


def test_simulation_draws_events_of_the_region_again(workplace, data, events):
    low, high = np.percentile(events.labels["true_energy"], [60, 100])
    region = {"energy": [f"{low} TeV", f"{high * 1.01} TeV"]}
    block = {"generators": {"gamma": "simulation"}, "fraction": 0.5, "regions": [region]}
    tool = set_up(workplace, data, block)
    images, labels = epoch(tool)
    assert len(images) == BATCH * tool._mixed.steps
    rows = rows_of(events, labels["energy"])
    to_grid = GridMapper(events.camera.mapping("ShiftingMapper"), *images.shape[1:3])
    np.testing.assert_allclose(images, to_grid(np.asarray(events.pixels[rows])), atol=1e-3)
    is_high = np.asarray(events.labels["true_energy"])[rows] > low
    # Half is drawn again above, of the other half two fifths are there.
    assert is_high.mean() == pytest.approx(0.7, abs=0.08)
    # None of the validation events is among them.
    validated = np.concatenate([batch[1]["energy"] for batch in tool.validation_loader])
    assert not set(np.round(validated, 5)) & set(np.round(labels["energy"], 5))


def test_uniform_spectrum_draws_rare_energies_more_often(workplace, data, events):
    block = {
        "generators": {"gamma": "simulation"},
        "fraction": 0.75,
        "regions": [{"spectrum": "uniform"}],
    }
    tool = set_up(workplace, data, block)
    (stream,) = tool._source.streams
    index, chances = stream._candidates()
    log_energy = np.asarray(tool.dl1dh_reader.example_identifiers["log_true_energy"])[index]
    low, high = log_energy.min(), log_energy.max()
    found, _ = np.histogram(log_energy, np.linspace(low, high, 5), weights=chances)
    there, _ = np.histogram(log_energy, np.linspace(low, high, 5))
    assert there.max() > 3 * there.min()
    assert found.max() < 2.5 * found.min()


def test_simulation_of_both_classes(workplace, data):
    block = {"generators": {"gamma": "simulation", "proton": "simulation"}, "fraction": 0.25}
    tool = set_up(workplace, data, block, tasks=["type"], background=True)
    assert [stream.region.is_signal for stream in tool._source.streams] == [True, False]
    _, labels = next(tool.training_loader.as_numpy_iterator())
    assert labels.shape == (BATCH, 2)


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        ({"symmetries": True}, "leave out --reader ctlearn"),
        ({"generators": {"gamma": "simulation"}, "fraction": 0.2}, "leave out --reader ctlearn"),
    ],
)
def test_events_of_ctlearns_own_loader_cannot_be_had_one_by_one(workplace, data, block, sentence):
    with pytest.raises(UserError, match=sentence):
        set_up(workplace, data, block, "--reader", "ctlearn")


def test_region_without_simulated_events_ends_in_one_sentence(workplace, data):
    region = {"energy": ["900 TeV", "1000 TeV"]}
    block = {"generators": {"gamma": "simulation"}, "fraction": 0.2, "regions": [region]}
    with pytest.raises(UserError, match=r"region 1 .* has no simulated training event"):
        set_up(workplace, data, block)


def test_fill_makes_the_mixed_histogram_flat(workplace, data, events, tmp_path):
    """With an untrained generator and no quality cut: labels are what counts here."""
    bundle = make_untrained_bundle(data / "gamma" / "gamma.dl1.h5", tmp_path / "bundle")
    region = {"energy": ["0.3 TeV", "10 TeV"], "spectrum": "fill"}
    block = {"generators": {"gamma": str(bundle)}, "fraction": 0.75, "regions": [region]}
    tool = set_up(workplace, data, block, tasks=["energy"], **NO_CUT)
    _, labels = epoch(tool)
    inside = labels["energy"][np.abs(labels["energy"] - 0.238) < 0.76]
    mixed, _ = np.histogram(inside, np.linspace(np.log10(0.3), 1.0, 5))
    simulated, _ = np.histogram(
        np.asarray(events.labels["log_true_energy"]), np.linspace(np.log10(0.3), 1.0, 5)
    )
    assert simulated.max() > 3 * simulated.min()
    assert np.ptp(mixed) < 5 * np.sqrt(mixed.mean())
