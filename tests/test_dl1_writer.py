"""Written files equal what ctapipe writes, and every reader takes them."""

from pathlib import Path

import numpy as np
import pytest
import tables
from ctapipe.core import run_tool
from ctapipe.io import TableLoader, metadata
from ctapipe.tools.merge import MergeTool
from dl1_copies import CUTS, PRODUCT, Source, assert_same_tables, rewrite

from ctlearn_gan_aug.dl1 import nodes
from ctlearn_gan_aug.dl1.cleaning import infer_cleaning
from ctlearn_gan_aug.dl1.runs import Run
from ctlearn_gan_aug.dl1.skeleton import make_skeleton, start_file
from ctlearn_gan_aug.dl1.subarray import read_subarray
from ctlearn_gan_aug.dl1.writer import DL1Writer
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.files import atomic_file


def merge(*inputs: Path, output: Path) -> int:
    arguments = [*map(str, inputs), f"--output={output}", f"--provenance-log={output}.log"]
    return run_tool(MergeTool(), argv=arguments)


@pytest.fixture(scope="module")
def rewritten(toy_of_each_model, tmp_path_factory) -> Path:
    return rewrite(toy_of_each_model, tmp_path_factory.mktemp("rewritten") / "rewritten.dl1.h5")


@pytest.fixture(scope="module")
def other_run(toy_of_each_model, tmp_path_factory) -> Path:
    """The toy events without truth images, spread over two runs of their own."""
    folder = tmp_path_factory.mktemp("other")
    content = Source(toy_of_each_model, 60)
    make_skeleton(toy_of_each_model, folder / "skeleton.h5")
    target = folder / "other.dl1.h5"
    with DL1Writer(target, folder / "skeleton.h5", cleaning=CUTS, product=PRODUCT) as writer:
        for obs_id, part in ((701, slice(0, 40)), (702, slice(40, 60))):
            writer.add_run(Run(obs_id, 70.0, 180.0, (0.1, 10.0), n_showers=0))
            content.labels["obs_id"][part] = obs_id
            writer.append(content.labels[part], content.images[part], content.times[part])
            n_images = len(content.labels[part])
            writer.add_run(Run(obs_id, 70.0, 180.0, (0.1, 10.0), n_images, spectral_index=-2.5))
    return target


def test_a_written_file_is_reproduced(toy_of_each_model, rewritten):
    assert_same_tables(toy_of_each_model, rewritten)


def test_header_names_a_new_product(toy_of_each_model, rewritten):
    before, after = map(metadata.read_reference_metadata, (toy_of_each_model, rewritten))
    assert after.product.id_ != before.product.id_
    assert after.product.description == "Written by a test"
    assert (after.process.type_, after.process.subtype) == ("Simulation", "Test")
    assert after.product.data_model_version == before.product.data_model_version
    assert metadata.read_hdf5_metadata(rewritten)["CONTEXT ORIGIN"] == "test"


def test_subarray_is_equal(toy_of_each_model, rewritten):
    assert read_subarray(toy_of_each_model) == read_subarray(rewritten)


def test_merges_with_its_source_in_both_orders(toy_of_each_model, other_run, tmp_path):
    for number, order in enumerate(
        ((toy_of_each_model, other_run), (other_run, toy_of_each_model))
    ):
        output = tmp_path / f"{number}.h5"
        assert merge(*order, output=output) == 0
        with tables.open_file(output) as h5file:
            assert h5file.get_node(nodes.SHOWER).nrows == 460


def test_merges_with_a_real_file(shared_data, tmp_path):
    source = shared_data / "lst_muons.dl1.h5"
    content = Source(source)
    make_skeleton(source, tmp_path / "skeleton.h5")
    target = tmp_path / "ours.h5"
    content.labels["obs_id"] = 700
    with DL1Writer(target, tmp_path / "skeleton.h5", cleaning=CUTS, product=PRODUCT) as writer:
        writer.add_run(Run(700, 90.0, 0.0, (0.01, 1.0), n_showers=30))
        writer.append(content.labels, content.images, content.times)
    assert merge(source, target, output=tmp_path / "a.h5") == 0
    assert merge(target, source, output=tmp_path / "b.h5") == 0


def test_table_loader_reads_all(other_run):
    with TableLoader(other_run, dl1_images=True, true_images=True, true_parameters=True) as loader:
        events = loader.read_telescope_events()
        assert len(loader.read_subarray_events()) == 60
    assert len(events) == 60
    assert set(events["obs_id"]) == {701, 702}
    assert np.isfinite(events["true_energy"]).all()
    assert np.isfinite(events["hillas_intensity"]).any()
    assert np.all(events["true_image"] == -1) and np.all(events["true_image_sum"] == -1)
    assert np.isnan(events["true_hillas_intensity"]).all()
    assert np.isfinite(events["true_impact_distance"]).all()
    np.testing.assert_allclose(events["telescope_pointing_altitude"].quantity.to_value("deg"), 70)


def test_runs_are_described(other_run):
    with tables.open_file(other_run) as h5file:
        runs = h5file.get_node(nodes.SIMULATION_RUN)[:]
        assert runs["obs_id"].tolist() == [701, 702]
        assert runs["n_showers"].tolist() == [40, 20]
        np.testing.assert_allclose(runs["min_alt"], np.deg2rad(70))
        np.testing.assert_allclose(runs["spectral_index"], -2.5)
        blocks = h5file.get_node(nodes.OBSERVATION_BLOCK)[:]
        assert blocks["obs_id"].tolist() == blocks["sb_id"].tolist() == [701, 702]


def test_dl1_data_handler_reads_labels_and_images(other_run, toy_of_each_model):
    from ctlearn_gan_aug.data.events import read_events

    found, expected = read_events([other_run]), read_events([toy_of_each_model]).select(slice(60))
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    for name in ("true_energy", "cam_coord_offset_x", "fov_lat", "true_core_y", "true_x_max"):
        np.testing.assert_allclose(found.labels[name], expected.labels[name], atol=1e-9)


@pytest.mark.parametrize("dtype, offset", [("<i4", 0), ("<u2", 500)])
def test_fixed_point_images(toy_gamma, tmp_path, dtype, offset):
    """A skeleton with integer images: values are rounded as ctapipe does, and read back."""
    from ctapipe.io import read_table

    make_skeleton(toy_gamma, tmp_path / "float.h5")
    path = nodes.telescope_table(nodes.IMAGES, 1)
    with tables.open_file(tmp_path / "float.h5", "a") as h5file:
        table = h5file.get_node(path)
        attributes = {name: table.attrs[name] for name in table.attrs._f_list("user")}
        columns = {n: table.dtype[n] for n in table.colnames}
        columns |= {"image": (dtype, columns["image"].shape)}
        h5file.remove_node(path)
        group, name = path.rsplit("/", 1)
        table = h5file.create_table(group, name, np.dtype(list(columns.items())))
        for key, value in attributes.items():
            table.attrs[key] = value
        position = table.colnames.index("image")
        scaling = {"": "fixed_point", "_SCALE": 10.0, "_OFFSET": offset, "_DTYPE": "float32"}
        for key, value in scaling.items():
            table.attrs[f"CTAFIELD_{position}_TRANSFORM{key}"] = value
    content = Source(toy_gamma, 20)
    content.images[0, :2] = np.nan, np.inf
    target = tmp_path / "fixed.h5"
    with DL1Writer(target, tmp_path / "float.h5", cleaning=CUTS, product=PRODUCT) as writer:
        writer.copy_runs(toy_gamma)
        writer.append(content.labels, content.images, content.times)
    found = read_table(target, path)["image"]
    np.testing.assert_allclose(found, content.images, atol=0.0501)
    with tables.open_file(target) as h5file:
        assert h5file.get_node(path).dtype["image"].base == np.dtype(dtype)


def test_compression(toy_of_each_model, rewritten, tmp_path):
    fast = rewrite(toy_of_each_model, tmp_path / "fast.dl1.h5", compression="lz4")
    assert_same_tables(rewritten, fast)


def test_missing_peak_times_are_zero(toy_gamma, tmp_path):
    content = Source(toy_gamma, 5)
    make_skeleton(toy_gamma, tmp_path / "skeleton.h5")
    target = tmp_path / "charge.h5"
    with DL1Writer(target, tmp_path / "skeleton.h5", cleaning=CUTS, product=PRODUCT) as writer:
        writer.copy_runs(toy_gamma)
        writer.append(content.labels, content.images)
    with tables.open_file(target) as h5file:
        assert not h5file.get_node(nodes.telescope_table(nodes.IMAGES, 1)).col("peak_time").any()
        parameters = h5file.get_node(nodes.telescope_table(nodes.PARAMETERS, 1))
        assert np.isnan(parameters.col("timing_slope")).all()


def test_events_must_be_whole_and_of_a_known_run(toy_gamma, tmp_path):
    content = Source(toy_gamma, 4)
    make_skeleton(toy_gamma, tmp_path / "skeleton.h5")
    options = {"cleaning": CUTS, "product": PRODUCT}
    with (
        pytest.raises(ValueError, match="add_run"),
        DL1Writer(tmp_path / "a.h5", tmp_path / "skeleton.h5", **options) as writer,
    ):
        writer.append(content.labels, content.images)
    with (
        pytest.raises(ValueError, match="one event"),
        DL1Writer(tmp_path / "b.h5", tmp_path / "skeleton.h5", **options) as writer,
    ):
        writer.copy_runs(toy_gamma)
        writer.append(content.labels[[0, 1, 0]], content.images[[0, 1, 0]])


@pytest.mark.parametrize("kilobytes", [100, 300, 420, 480, 540])
def test_a_full_disk_is_noticed(toy_gamma, tmp_path, kilobytes, capfd):
    """A limit on file sizes stands for the full disk; HDF5 itself would not complain.

    It is reached while the file is started, while images are appended, or when it is closed.
    """
    resource = pytest.importorskip("resource")
    content = Source(toy_gamma, 100)
    make_skeleton(toy_gamma, tmp_path / "skeleton.h5")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    target = tmp_path / "full.h5"
    reasons = "File too large|not all data .*|driver .* failed"
    told = rf"{target}: cannot be written \(({reasons})\); free some space"
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000 * kilobytes, limits[1]))
    try:
        with (
            pytest.raises(UserError, match=told),
            atomic_file(target) as part,
            DL1Writer(part, tmp_path / "skeleton.h5", cleaning=CUTS, product=PRODUCT) as writer,
        ):
            writer.copy_runs(toy_gamma)
            writer.append(content.labels, content.images, content.times)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["skeleton.h5"]
    assert "HDF5" not in capfd.readouterr().err
    assert not [f for f in tables.file._open_files.filenames if str(tmp_path) in f]


def test_what_hdf5_loses_when_it_closes_a_file_is_noticed(toy_gamma, tmp_path):
    """As on a disk that is full: a file of the right size, with zeros where nothing was written."""
    content = Source(toy_gamma, 100)
    make_skeleton(toy_gamma, tmp_path / "skeleton.h5")

    def write(target, hole):
        writer = DL1Writer(target, tmp_path / "skeleton.h5", cleaning=CUTS, product=PRODUCT)
        writer.copy_runs(toy_gamma)
        writer.append(content.labels, content.images, content.times)
        close = writer._h5file.close

        def close_with_hole():
            if writer._h5file.isopen:
                close()
                with target.open("r+b") as file:
                    file.seek(hole)
                    file.write(bytes(4096))

        writer._h5file.close = close_with_hole
        writer.close()

    write(tmp_path / "whole.h5", 10**7)  # behind its end
    whole = (tmp_path / "whole.h5").read_bytes()
    signatures = (b"TREE", b"SNOD", b"HEAP", b"OHDR")
    places = {whole.find(s) for s in signatures} | {whole.rfind(s) for s in signatures}
    for place in sorted(places - {-1}):
        with pytest.raises(OSError, match="reached the disk"):
            write(tmp_path / "lost.h5", place)


def test_files_can_be_started_again(rewritten, tmp_path):
    """A written file is itself a source of skeletons."""
    make_skeleton(rewritten, tmp_path / "skeleton.h5")
    start_file(tmp_path / "skeleton.h5", tmp_path / "again.h5").close()


def test_toy_masks_are_reproduced(toy_of_each_model):
    content = Source(toy_of_each_model, 200)
    with tables.open_file(toy_of_each_model) as h5file:
        rows = h5file.get_node(nodes.telescope_table(nodes.IMAGES, 1))[:200]
    geometry = read_subarray(toy_of_each_model).tel[1].camera.geometry
    found = infer_cleaning(content.images, rows["image_mask"], geometry)
    assert found == CUTS and found.agreement == 1.0
