"""Observed files: showers alone are read, no truth is needed, and what is no shower is counted."""

import logging
import shutil
from math import nan

import numpy as np
import pytest
import tables
from ctapipe.containers import EventType
from dl1_variants import rebuild
from observed_files import observe

from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.data.observed import read_observed
from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.errors import UserError

OTHERS = {
    EventType.SKY_PEDESTAL: 40,
    EventType.FLATFIELD: 20,
    EventType.MUON: 10,
    EventType.OTHER_CALIBRATION: 5,
}


@pytest.fixture(scope="module")
def simulated(toy_gamma):
    return read_events([toy_gamma])


@pytest.fixture(scope="module")
def observation(tmp_path_factory, toy_gamma):
    return observe(toy_gamma, tmp_path_factory.mktemp("observed") / "run_1.dl1.h5", OTHERS)


def test_showers_alone_are_taken_and_the_rest_is_counted(observation, simulated, caplog):
    with caplog.at_level(logging.INFO):
        events = read_observed([observation], simulated.camera)
    assert (
        "325 observed images of showers; left out: 40 of type SKY_PEDESTAL, 20 of type FLATFIELD, "
        "10 of type MUON, 5 of type OTHER_CALIBRATION." in caplog.messages
    )
    assert len(events) == 400 - sum(OTHERS.values())
    assert events.pixels[:].max(axis=(1, 2)).min() > 0  # no pedestal among them
    assert set(events.labels.colnames) == {"obs_id", "event_id", "tel_id"}
    # The images are those of the same events of the simulated file, pixel by pixel.
    rows = {event: i for i, event in enumerate(simulated.labels["event_id"].tolist())}
    where = [rows[event] for event in events.labels["event_id"].tolist()]
    np.testing.assert_array_equal(events.pixels, simulated.pixels[where])
    np.testing.assert_array_equal(events.masks, simulated.masks[where])


def test_data_models_and_criteria_and_subsets(tmp_path, toy_of_each_model, simulated, caplog):
    path = observe(toy_of_each_model, tmp_path / "run.dl1.h5", {EventType.FLATFIELD: 30})
    cuts = [("bright", "hillas_intensity > 100"), ("inside", "leakage_intensity_width_2 < 0.5")]
    with caplog.at_level(logging.INFO):
        events = read_observed([path], simulated.camera, quality_criteria=cuts)
    expected = read_events([toy_of_each_model], quality_criteria=cuts).labels["event_id"]
    flat = set(simulated.labels["event_id"][:30].tolist())
    assert set(events.labels["event_id"].tolist()) == set(expected.tolist()) - flat
    n_cut = 400 - 30 - len(events)
    assert f"{n_cut} by the quality criteria" in caplog.text
    some = read_observed([path], simulated.camera, max_events=50, seed=3, channels=["image"])
    assert some.pixels.shape == (50, simulated.camera.n_pixels, 1)
    again = read_observed([path], simulated.camera, max_events=50, seed=3, channels=["image"])
    np.testing.assert_array_equal(some.pixels, again.pixels)


def test_pixels_in_a_store_are_the_same(observation, simulated, tmp_path):
    in_memory = read_observed([observation], simulated.camera)
    stored = read_observed([observation], simulated.camera, store=tmp_path)
    np.testing.assert_array_equal(stored.pixels[:], in_memory.pixels)
    np.testing.assert_array_equal(stored.masks[:], in_memory.masks)
    assert len(list(tmp_path.glob("*/pixels.npy"))) == 1


def test_rings_that_ctapipe_found_are_left_out(toy_gamma, simulated, tmp_path, caplog):
    path = observe(toy_gamma, tmp_path / "run.dl1.h5")
    add_rings(path, {3: (2, 0.15), 5: (2, 0.25), 7: (8, 0.15), 9: (nan, nan)})
    with caplog.at_level(logging.INFO):
        events = read_observed([path], simulated.camera)
    assert "399 observed images of showers; left out: 1 with the ring of a muon." in caplog.messages
    with tables.open_file(path) as h5file:
        ring = h5file.get_node(nodes.TRIGGER)[3]["event_id"]
    assert ring not in events.labels["event_id"]


def add_rings(path, found: dict[int, tuple[float, float]]) -> None:
    """ctapipe's muon parameters of some images: radius over width, spread in widths."""
    names = ["muonring_radius", "muonparameters_mean_squared_error"]
    columns = [("obs_id", "i8"), ("event_id", "i8"), *((name, "f8") for name in names)]
    rows = np.zeros(len(found), columns)
    with tables.open_file(path, "r+") as h5file:
        images = h5file.get_node(nodes.telescope_table(nodes.PARAMETERS, 1))[:]
        for row, (event, (radius, spread)) in zip(rows, found.items(), strict=True):
            width = images[event]["hillas_width"]
            row["obs_id"], row["event_id"] = images[event]["obs_id"], images[event]["event_id"]
            row[names[0]], row[names[1]] = radius * width, (spread * width) ** 2
        group, name = nodes.telescope_table(nodes.MUON, 1).rsplit("/", 1)
        h5file.create_table(group, name, rows, createparents=True)


def test_real_muons_are_told_by_ctapipes_own_fit(shared_data, tmp_path):
    """LST images of muons: the rings that ctapipe-process fits are recognised."""
    from dl1_copies import process

    source = shared_data / "lst_muons.dl1.h5"
    fitted = process(
        source,
        tmp_path / "fitted.dl1.h5",
        "--write-muon-parameters",
        "--EventSource.focal_length_choice=EQUIVALENT",
    )
    camera = read_events([source]).camera
    path = observe(fitted, tmp_path / "run.dl1.h5")
    assert len(read_observed([path], camera)) <= 10  # of 30


def test_simulated_and_observed_files_are_told_apart(observation, toy_gamma, simulated):
    with pytest.raises(UserError, match=r"type 'Observation'.*as data\.observed\.$"):
        read_events([observation])
    with pytest.raises(UserError, match=r"type 'Simulation'.*as data\.files\.$"):
        read_observed([toy_gamma], simulated.camera)


def test_files_that_do_not_fit_are_refused(observation, toy_gamma, simulated, tmp_path):
    from ctlearn_gan_aug.data.toy.simulate import simulate

    def read(*paths, **options):
        read_observed(paths, simulated.camera, **options)

    copied = shutil.copy(observation, tmp_path / "copy.dl1.h5")
    with pytest.raises(UserError, match=r"325 events are in other files of data\.observed, too"):
        read(observation, copied)
    silent = shutil.copy(observation, tmp_path / "silent.dl1.h5")
    with tables.open_file(silent, "r+") as h5file:
        rebuild(h5file, nodes.TRIGGER, columns={"event_type": None})
    with pytest.raises(UserError, match="has no column 'event_type'"):
        read(silent)
    dark = observe(toy_gamma, tmp_path / "dark.dl1.h5", {EventType.SKY_PEDESTAL: 400})
    with pytest.raises(UserError, match=r"no observed image of a shower .*400 of type SKY_P"):
        read(dark)
    with pytest.raises(UserError, match=r"true_energy.* DL1 parameters alone"):
        read(observation, quality_criteria=[("bright", "true_energy > 1")])
    simulate("gamma", 3, 2, tmp_path / "other.dl1.h5", camera="hex271")
    other = observe(tmp_path / "other.dl1.h5", tmp_path / "hex271.dl1.h5")
    with pytest.raises(UserError, match=r"the pixels of telescope 1 .* are not those of"):
        read(other)
