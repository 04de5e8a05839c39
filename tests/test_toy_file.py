"""The toy's DL1 files: labelled, reproducible, readable by all, and worth training on."""

import numpy as np
import pytest
import tables

from ctlearn_gan_aug.cli.simulate import command
from ctlearn_gan_aug.data.toy import telescope as tel
from ctlearn_gan_aug.data.toy.simulate import MAX_SEED, run_number, simulate
from ctlearn_gan_aug.errors import UserError

IMAGES = "/dl1/event/telescope/images/tel_001"
PARAMETERS = "/dl1/event/telescope/parameters/tel_001"
SHOWER = "/simulation/event/subarray/shower"
RUN = "/configuration/simulation/run"

N_EVENTS = 1000  # per particle

FEATURES = [
    "hillas_intensity",
    "hillas_length",
    "hillas_width",
    "hillas_skewness",
    "hillas_kurtosis",
    "hillas_r",
    "timing_slope",
    "timing_deviation",
    "concentration_cog",
    "concentration_core",
    "concentration_pixel",
    "morphology_n_islands",
    "leakage_intensity_width_2",
    "leakage_pixels_width_2",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A gamma and a proton file of the same seed."""
    folder = tmp_path_factory.mktemp("toy")
    paths = {particle: folder / f"{particle}.dl1.h5" for particle in ("gamma", "proton")}
    for particle, path in paths.items():
        simulate(particle, N_EVENTS, 7, path)
    return paths


@pytest.fixture(scope="module")
def reader(files):
    from dl1_data_handler.reader import DLImageReader

    reader = DLImageReader(
        input_url_signal=[str(files["gamma"])], input_url_background=[str(files["proton"])]
    )
    yield reader
    for handle in reader.files.values():
        handle.close()


def _rows(path, node):
    with tables.open_file(path) as h5file:
        return h5file.get_node(node)[:]


def test_same_seed_gives_the_same_content_and_more_events_begin_alike(files, tmp_path):
    simulate("gamma", 60, 7, tmp_path / "again.dl1.h5")
    for node in (IMAGES, PARAMETERS, SHOWER):
        again = _rows(tmp_path / "again.dl1.h5", node)
        assert len(again) == 60
        for name in again.dtype.names:
            np.testing.assert_array_equal(again[name], _rows(files["gamma"], node)[name][:60])


def test_event_count_ids_and_truth(files):
    for particle, primary in (("gamma", 0), ("proton", 101)):
        shower, image = _rows(files[particle], SHOWER), _rows(files[particle], IMAGES)
        assert len(shower) == len(image) == N_EVENTS
        assert len(np.unique(shower["event_id"])) == N_EVENTS
        np.testing.assert_array_equal(shower["event_id"], image["event_id"])
        assert set(shower["obs_id"]) == {run_number(particle, 7)}
        assert set(shower["true_shower_primary_id"]) == {primary}
        run = _rows(files[particle], RUN)
        assert run["n_showers"][0] == shower["event_id"][-1]
        assert np.rad2deg(run["min_alt"][0]) == pytest.approx(tel.POINTING_ALT)


def test_obs_ids_differ_between_particles_and_seeds():
    seeds = (0, 1, 2, 7, MAX_SEED)
    numbers = [run_number(particle, seed) for particle in ("gamma", "proton") for seed in seeds]
    assert len(set(numbers)) == len(numbers)
    assert 0 < min(numbers) <= max(numbers) < 2**31


def test_file_says_that_it_is_a_toy(files):
    with tables.open_file(files["gamma"]) as h5file:
        attributes = h5file.root._v_attrs
        assert "toy" in attributes["CTA PRODUCT DESCRIPTION"].lower()
        assert "toy" in attributes["CTA INSTRUMENT ID"].lower()
        assert attributes["CTA PROCESS TYPE"] == "Simulation"
        assert attributes["CTA PROCESS SUBTYPE"] == "Toy"
        assert attributes["CONTEXT SIMULATION"] == "toy"


def test_reader_reads_and_labels_point_where_the_images_point(reader):
    table = reader.example_identifiers
    gamma = np.asarray(table["true_shower_primary_class"]) == 1
    assert 0.7 * N_EVENTS < gamma.sum() < N_EVENTS
    few = np.flatnonzero(gamma)[:300]
    batch = reader.generate_mono_batch(few)
    assert batch["features"].shape[0] == 300

    # The reader's camera frame is derotated; its mapper has turned this geometry likewise.
    geometry = reader.subarray.tel[tel.TEL_ID].camera.geometry
    pixels = np.stack([geometry.pix_x.to_value("m"), geometry.pix_y.to_value("m")], axis=1)
    rows = _rows(reader.first_file, IMAGES)[np.asarray(table["table_index"])[few]]
    light = np.where(rows["image_mask"], rows["image"], 0)
    centroid = light @ pixels / light.sum(axis=1, keepdims=True)
    source = np.stack([table["cam_coord_offset_x"][few], table["cam_coord_offset_y"][few]], axis=1)

    offset = pixels[np.newaxis] - centroid[:, np.newaxis]
    covariance = np.einsum("np,npi,npj->nij", light, offset, offset)
    axis = np.linalg.eigh(covariance)[1][:, :, 1]
    towards = source - centroid
    miss = np.abs(axis[:, 0] * towards[:, 1] - axis[:, 1] * towards[:, 0])
    clean = (light.sum(axis=1) > 200) & (np.linalg.norm(centroid, axis=1) < 0.3)
    assert np.median(miss[clean]) < np.deg2rad(0.1) * tel.FOCAL_LENGTH
    # A source at any other place of the camera would be missed by several tenths of a degree.
    wrong = np.abs(axis[:, 0] * -towards[:, 0] - axis[:, 1] * towards[:, 1])
    assert np.median(wrong[clean]) > 3 * np.median(miss[clean])


def test_image_lies_on_the_far_side_of_the_source_as_in_real_simulation(reader):
    """The sign of the displacement: from the source towards the core as seen from the telescope."""
    from ctlearn_gan_aug.data.events import label_table
    from ctlearn_gan_aug.directions import set_impact

    table = reader.example_identifiers
    chosen = table[np.asarray(table["true_shower_primary_class"]) == 1]
    labels = label_table(chosen)
    # The reader's mapper has derotated the reader's own geometry; a fresh one is as in the file.
    set_impact(labels, tel.toy_subarray())
    rows = _rows(reader.first_file, IMAGES)[np.asarray(chosen["table_index"])]
    geometry = tel.toy_geometry()
    geometry.rotate(geometry.pix_rotation)
    light = np.where(rows["image_mask"], rows["image"], 0)
    shift_x = light @ geometry.pix_x.to_value("m") / light.sum(axis=1)
    shift_x -= labels["cam_coord_offset_x"]
    shift_y = light @ geometry.pix_y.to_value("m") / light.sum(axis=1)
    shift_y -= labels["cam_coord_offset_y"]
    far = np.hypot(labels["impact_x"], labels["impact_y"]) > 80
    projection = shift_x * labels["impact_x"] + shift_y * labels["impact_y"]
    assert np.mean(projection[far] > 0) > 0.95


def test_table_loader_reads_images_parameters_and_truth(files):
    from ctapipe.io import TableLoader

    with TableLoader(files["proton"]) as loader:
        events = loader.read_telescope_events(
            dl1_images=True, dl1_parameters=True, true_images=True, simulated=True
        )
    assert len(events) == N_EVENTS
    true, seen = np.asarray(events["true_image"]), np.asarray(events["image"])
    assert true.shape == seen.shape == (N_EVENTS, tel.toy_camera().n_pixels)
    assert np.corrcoef(true.ravel(), seen.ravel())[0, 1] > 0.99
    assert np.isfinite(events["hillas_intensity"]).mean() > 0.9


def test_gamma_and_proton_files_merge(files, tmp_path):
    from ctapipe.tools.merge import MergeTool

    merged = tmp_path / "merged.dl1.h5"
    tool = MergeTool()
    with pytest.raises(SystemExit) as end:
        tool.run([str(files["gamma"]), str(files["proton"]), f"--output={merged}"])
    assert end.value.code == 0
    assert len(_rows(merged, SHOWER)) == 2 * N_EVENTS


def _features(path):
    parameters = _rows(path, PARAMETERS)
    columns = [np.asarray(parameters[name], float) for name in FEATURES]
    columns[0] = np.log10(columns[0])
    features = np.stack(columns, axis=1)
    is_usable = np.isfinite(features).all(axis=1) & (parameters["hillas_intensity"] > 50)
    return features[is_usable], np.log10(_rows(path, SHOWER)["true_energy"][is_usable])


def test_parameters_tell_the_energy(files):
    from sklearn.ensemble import RandomForestRegressor

    features, log_energy = _features(files["gamma"])
    half = len(features) // 2
    forest = RandomForestRegressor(100, min_samples_leaf=3, random_state=0)
    forest.fit(features[:half], log_energy[:half])
    error = np.abs(forest.predict(features[half:]) - log_energy[half:]).mean()
    assert error < 0.2
    assert np.abs(log_energy[half:] - np.median(log_energy[:half])).mean() > 1.7 * error


def test_parameters_tell_gammas_from_protons_but_not_perfectly(files):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score

    gammas, protons = _features(files["gamma"])[0], _features(files["proton"])[0]
    features = np.concatenate([gammas, protons])
    is_gamma = np.repeat([1, 0], [len(gammas), len(protons)])
    train = np.arange(len(features)) % 2 == 0
    forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
    forest.fit(features[train], is_gamma[train])
    auc = roc_auc_score(is_gamma[~train], forest.predict_proba(features[~train])[:, 1])
    assert 0.75 < auc < 0.98


def test_existing_file_is_kept_unless_overwrite(tmp_path):
    target = tmp_path / "toy.dl1.h5"
    target.write_text("mine")
    with pytest.raises(UserError, match="overwrite"):
        simulate("gamma", 5, 1, target)
    assert target.read_text() == "mine"
    result = simulate("gamma", 5, 1, target, overwrite=True)
    assert len(_rows(target, SHOWER)) == result.n_events == 5
    assert result.n_thrown >= 5


def test_interrupted_simulation_leaves_nothing(tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate("gamma", 5, 1, tmp_path / "toy.dl1.h5", progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("particle", "n_events", "seed"), [("muon", 5, 1), ("gamma", 0, 1), ("gamma", 5, MAX_SEED + 1)]
)
def test_arguments_out_of_range_are_refused(particle, n_events, seed, tmp_path):
    with pytest.raises(UserError):
        simulate(particle, n_events, seed, tmp_path / "toy.dl1.h5")
    assert list(tmp_path.iterdir()) == []


def test_command_writes_the_events_and_says_toy(tmp_path):
    from click.testing import CliRunner

    target = tmp_path / "toy.dl1.h5"
    options = ["--particle", "proton", "--n-events", "20", "--seed", "3", "--output", str(target)]
    result = CliRunner().invoke(command, options)
    assert result.exit_code == 0, result.output
    assert "TOY" in result.output
    assert len(_rows(target, IMAGES)) == 20
