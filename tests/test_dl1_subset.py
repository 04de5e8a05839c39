"""Files with some of the events: ctapipe reads these as it reads them in the whole file."""

import numpy as np
import pytest
import tables
from astropy.time import Time
from ctapipe.io import TableLoader, metadata

from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.check import check_dl1
from ctlearn_gan_aug.dl1.subset import copy_events, read_showers

KEPT = np.r_[0:3, 50, 200:211, 399]
EVERYTHING = {
    "dl1_images": True,
    "dl1_parameters": True,
    "true_images": True,
    "true_parameters": True,
}


@pytest.fixture(scope="module")
def subset(toy_of_each_model, tmp_path_factory):
    keys, _ = read_showers(toy_of_each_model)
    target = tmp_path_factory.mktemp("subset") / "some.dl1.h5"
    copy_events(toy_of_each_model, target, keys[np.random.default_rng(1).permutation(KEPT)])
    return target


def events_of(path):
    with TableLoader(path, **EVERYTHING) as loader:
        events = loader.read_telescope_events()
    events.sort(["obs_id", "event_id", "tel_id"])
    return events


def test_events_have_the_images_parameters_and_truth_of_the_whole_file(toy_of_each_model, subset):
    keys, energy = read_showers(toy_of_each_model)
    found, whole = events_of(subset), events_of(toy_of_each_model)
    expected = whole[np.isin(whole["event_id"], keys["event_id"][KEPT])]
    assert len(found) == len(KEPT)
    assert found.colnames == expected.colnames
    for name in found.colnames:
        if isinstance(found[name], Time):
            assert (found[name] == expected[name]).all()
            continue
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(expected[name]), name)
        assert found[name].unit == expected[name].unit
    np.testing.assert_allclose(found["true_energy"], energy[KEPT])


def test_all_tables_keep_their_structure_and_the_header_stays(toy_of_each_model, subset):
    check_dl1(subset)
    before, after = map(metadata.read_hdf5_metadata, (toy_of_each_model, subset))
    assert before == after
    with tables.open_file(toy_of_each_model) as whole, tables.open_file(subset) as part:
        for table in whole.walk_nodes("/", "Table"):
            copy = part.get_node(table._v_pathname)
            assert copy.dtype == table.dtype
            assert copy.filters == table.filters
            per_event = "event_id" in table.colnames and table.nrows
            assert copy.nrows == (len(KEPT) if per_event else table.nrows), table._v_pathname
        assert part.get_node(nodes.SHOWER).attrs.CTAFIELD_2_UNIT == "TeV"


def test_no_event_leaves_the_structure(toy_gamma, tmp_path):
    keys, _ = read_showers(toy_gamma)
    copy_events(toy_gamma, tmp_path / "none.dl1.h5", keys[:0])
    assert len(read_showers(tmp_path / "none.dl1.h5")[0]) == 0
