"""Skeletons keep a file's structure, hold no event and nothing that could run code."""

import h5py
import numpy as np
import pytest
import tables
from ctapipe.containers import EventType
from ctapipe.instrument import SubarrayDescription

from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.attributes import check_safe
from ctlearn_gan_aug.dl1.skeleton import make_skeleton, skeleton_from_subarray, start_file
from ctlearn_gan_aug.errors import UserError


class Bomb:
    """Tells when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.fixture(scope="module")
def skeleton(toy_of_each_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("skeleton") / "skeleton.h5"
    make_skeleton(toy_of_each_model, path)
    return path


def structure(path) -> dict:
    with tables.open_file(path) as h5file:
        return {
            t._v_pathname: (t.dtype, t.filters, t.chunkshape, sorted(t.attrs._f_list("user")))
            for t in h5file.walk_nodes("/", "Table")
        }


def test_structure_is_the_source_s(skeleton, toy_of_each_model):
    assert structure(skeleton) == structure(toy_of_each_model)


def test_events_are_gone_and_one_run_is_left(skeleton):
    with tables.open_file(skeleton) as h5file:
        for table in h5file.walk_nodes("/", "Table"):
            if nodes.is_event_table(table._v_pathname):
                assert table.nrows == 0
            if nodes.is_run_table(table._v_pathname):
                assert table.nrows == 1


def test_subarray_is_equal(skeleton, toy_of_each_model):
    assert SubarrayDescription.from_hdf(skeleton) == SubarrayDescription.from_hdf(toy_of_each_model)


def test_skeleton_is_safe_and_dl1_files_are_not(skeleton, toy_of_each_model):
    check_safe(skeleton)
    with pytest.raises(UserError, match="could run code"):
        check_safe(toy_of_each_model)


@pytest.mark.parametrize("node", ["/", "/dl1/event", nodes.TRIGGER])
def test_pickles_are_refused_without_loading_them(skeleton, tmp_path, node):
    path = tmp_path / "bomb.h5"
    path.write_bytes(skeleton.read_bytes())
    with tables.open_file(path, "a") as h5file:
        h5file.get_node(node)._v_attrs["note"] = Bomb()
    with pytest.raises(UserError, match="note"):
        check_safe(path)
    with pytest.raises(UserError, match="note"):
        start_file(path, tmp_path / "started.h5")
    assert not (tmp_path / "started.h5").exists()


def test_links_are_refused(skeleton, tmp_path):
    path = tmp_path / "link.h5"
    path.write_bytes(skeleton.read_bytes())
    with h5py.File(path, "a") as h5file:
        h5file["dl1/elsewhere"] = h5py.ExternalLink("/other.h5", "/data")
    with pytest.raises(UserError, match="/dl1/elsewhere"):
        check_safe(path)


def test_started_file_has_all_attributes_again(skeleton, toy_of_each_model, tmp_path):
    started = tmp_path / "started.h5"
    start_file(skeleton, started).close()
    assert structure(started) == structure(toy_of_each_model)
    with tables.open_file(started) as ours, tables.open_file(toy_of_each_model) as source:
        enums = set()
        for table in source.walk_nodes("/", "Table"):
            attributes = ours.get_node(table._v_pathname).attrs
            for name in table.attrs._f_list("user"):
                assert attributes[name] == table.attrs[name]
                enums |= {table.attrs[name]} if name.endswith("_ENUM") else set()
    assert EventType in enums and len(enums) >= 5


def test_compression_changes_event_tables_only(skeleton, tmp_path):
    with start_file(skeleton, tmp_path / "fast.h5", compression="lz4") as h5file:
        for table in h5file.walk_nodes("/", "Table"):
            is_fast = table.filters.complib == "blosc:lz4"
            assert is_fast == nodes.is_event_table(table._v_pathname)


def test_skeleton_of_an_array_without_files(tmp_path, toy_of_each_model):
    subarray = SubarrayDescription.from_hdf(toy_of_each_model)
    path = tmp_path / "new.h5"
    skeleton_from_subarray(subarray, path)
    check_safe(path)
    assert SubarrayDescription.from_hdf(path) == subarray
    assert [p.name for p in tmp_path.iterdir()] == ["new.h5"]


@pytest.mark.parametrize("name", ["lst_muons", "gct_checs_muons", "camsettings_v6"])
def test_real_files(shared_data, tmp_path, name):
    source, path = shared_data / f"{name}.dl1.h5", tmp_path / "skeleton.h5"
    make_skeleton(source, path)
    check_safe(path)
    assert structure(path) == structure(source)
    choice = {"focal_length_choice": "EQUIVALENT"}
    first, second = (SubarrayDescription.from_hdf(p, **choice) for p in (source, path))
    assert first == second
    assert np.all(first.tel_ids == second.tel_ids)
