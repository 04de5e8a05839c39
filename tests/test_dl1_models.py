"""Files of ctapipe's data models v6 and v7, side by side and turned into one another."""

import logging
import shutil

import numpy as np
import pytest
import tables
from ctapipe.containers import EventType
from ctapipe.image.image_processor import ImageQualityQuery
from ctapipe.io import DATA_MODEL_VERSION, read_table
from dl1_copies import rewrite, rewrite_as_v6

from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.check import check_dl1_files, data_model
from ctlearn_gan_aug.dl1.skeleton import make_skeleton

TRIGGERS = (nodes.TRIGGER, nodes.TELESCOPE_TRIGGER)
RUN_TABLES = (
    nodes.SIMULATION_RUN,
    nodes.OBSERVATION_BLOCK,
    nodes.telescope_table(nodes.POINTING, 1),
)


def column(path, node, name):
    with tables.open_file(path) as h5file:
        return h5file.get_node(node).col(name)


@pytest.fixture(scope="module")
def timed(toy_gamma, tmp_path_factory):
    """Toy gammas with trigger times to the quarter nanosecond, full seconds among them."""
    path = tmp_path_factory.mktemp("timed") / "gamma.dl1.h5"
    shutil.copy(toy_gamma, path)
    rng = np.random.default_rng(0)
    with tables.open_file(path, "a") as h5file:
        table = h5file.get_node(nodes.TRIGGER)
        times = np.stack([rng.integers(1, 2**32, len(table)), rng.integers(0, 4e9, len(table))], 1)
        times[:100, 1] = 0
        times[100:150, 1] = 4e9 - 1
        for path_of_table in TRIGGERS:
            table = h5file.get_node(path_of_table)
            table.modify_column(colname="time", column=times.astype(np.uint32))
    return path


def test_toy_files_are_what_ctapipe_writes_now(toy_gamma):
    assert data_model(toy_gamma) == DATA_MODEL_VERSION
    assert set(column(toy_gamma, nodes.TELESCOPE_TRIGGER, "event_type")) == {
        EventType.SUBARRAY.value
    }
    assert column(toy_gamma, nodes.TRIGGER, "time").dtype == np.uint32


def test_new_columns_are_filled(toy_gamma):
    for group, prefix in ((nodes.PARAMETERS, ""), (nodes.TRUE_PARAMETERS, "true_")):
        path = nodes.telescope_table(group, 1)
        known = np.isfinite(column(toy_gamma, path, f"{prefix}hillas_psi"))
        for name in ("psi_uncertainty", "transverse_cog_uncertainty"):
            values = column(toy_gamma, path, f"{prefix}hillas_{name}")
            np.testing.assert_array_equal(np.isfinite(values), known)
            assert np.all(values[known] > 0)


def test_copies_keep_their_data_model(toy_of_each_model, tmp_path):
    copy = rewrite(toy_of_each_model, tmp_path / "copy.dl1.h5")
    assert data_model(copy) == data_model(toy_of_each_model)
    assert data_model(toy_of_each_model)[:2] in ("v6", "v7")


def test_times_are_copied_exactly(timed, tmp_path):
    copy = rewrite(timed, tmp_path / "copy.dl1.h5")
    for path in TRIGGERS:
        np.testing.assert_array_equal(column(copy, path, "time"), column(timed, path, "time"))


def test_times_and_runs_from_v7_to_v6_and_back(timed, tmp_path):
    old = rewrite_as_v6(timed, tmp_path / "old.dl1.h5")
    make_skeleton(timed, tmp_path / "v7.skeleton.h5")
    new = rewrite(old, tmp_path / "new.dl1.h5", tmp_path / "v7.skeleton.h5")
    assert [data_model(path)[:2] for path in (timed, old, new)] == ["v7", "v6", "v7"]
    for path in TRIGGERS:
        expected, stored, again = (read_table(f, path)["time"] for f in (timed, old, new))
        # MJD in double precision has steps of 0.6 microseconds
        assert np.abs((stored - expected).to_value("us")).max() < 0.7
        assert np.abs((again - stored).to_value("ns")).max() < 0.2
    for path in RUN_TABLES:
        expected, stored, again = (read_table(f, path) for f in (timed, old, new))
        for name in expected.colnames:
            np.testing.assert_array_equal(stored[name], expected[name], err_msg=name)
            np.testing.assert_array_equal(again[name], expected[name], err_msg=name)


def test_the_same_event_reads_alike_from_both(toy_gamma, toy_v6, toy_proton):
    """Alone and with a file of the other data model in one training."""
    expected = read_events([toy_gamma])
    with_others = [read_events([toy_v6]), read_events([toy_v6, toy_proton])]
    with_others += [read_events([toy_gamma, toy_proton]), read_events([toy_proton, toy_v6])]
    for events in with_others:
        events = events.select(np.isin(events.labels["obs_id"], expected.labels["obs_id"]))
        assert len(events) == len(expected)
        here, there = (np.argsort(e.labels["event_id"]) for e in (events, expected))
        np.testing.assert_array_equal(events.pixels[here], expected.pixels[there])
        for name in expected.labels.colnames:
            found = events.labels[name][here]
            np.testing.assert_array_equal(found, expected.labels[name][there], err_msg=name)


def test_stock_reader_reads_both_alike(toy_gamma, toy_v6):
    from dl1_data_handler.reader import DLImageReader

    reader = DLImageReader(
        input_url_signal=[str(toy_gamma)], input_url_background=[str(toy_v6)], channels=["image"]
    )
    table = reader.example_identifiers
    images = np.asarray(reader.generate_mono_batch(np.arange(len(table)))["features"])
    one, other = (np.flatnonzero(table["file_index"] == i) for i in np.unique(table["file_index"]))
    one, other = (rows[np.argsort(table["event_id"][rows])] for rows in (one, other))
    assert len(one) == len(other) > 200
    np.testing.assert_array_equal(images[one], images[other])
    for name in ("log_true_energy", "cam_coord_offset_x", "fov_lat"):
        np.testing.assert_array_equal(table[name][one], table[name][other])
    for handle in reader.files.values():
        handle.close()


def test_two_data_models_are_said(toy_gamma, toy_v6, toy_proton, caplog):
    with caplog.at_level(logging.WARNING, logger="ctlearn_gan_aug"):
        check_dl1_files([toy_gamma, toy_proton])
        assert not caplog.records
        check_dl1_files([toy_gamma, toy_v6, toy_proton])
    (record,) = caplog.records
    message = record.getMessage()
    for text in (DATA_MODEL_VERSION, "v6.0.0", toy_gamma.name, toy_v6.name):
        assert text in message


def test_criteria_for_parameters_are_the_known_ones():
    """`dl1.ending` counts by these, and `dl1.moments` computes nothing for images that fail."""
    assert ImageQualityQuery().quality_criteria == [
        ("size_greater_0", "image.sum() > 0"),
        ("at_least_2_pixels", "image.size > 1"),
    ]
