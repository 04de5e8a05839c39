"""The command from a model and files to the map and a block that train-model takes."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from augment_fakes import TRAINING, make_toy_files, make_untrained_bundle, write_config
from click.testing import CliRunner
from ctapipe.instrument import SubarrayDescription
from ctlearn.core.model import SingleCNN
from dl1_data_handler.reader import DLImageReader

from ctlearn_gan_aug.augment.block import read_block, read_yaml_file
from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.cli.regions import command
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.data.toy.simulate import simulate
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.guide import run as guide_run
from ctlearn_gan_aug.guide.measure import event_errors
from ctlearn_gan_aug.guide.predict import Predicted, predict
from ctlearn_gan_aug.guide.reading import open_ctlearn_reader, read_config, read_labels
from ctlearn_gan_aug.guide.run import Files, Request, advise
from ctlearn_gan_aug.sampling.regions import check_domain

HOLE = 1.0  # TeV
MODELS = {"regression": ["energy", "cameradirection"], "energy": ["energy"], "type": ["type"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Toy files to train on and to test with, and untrained CTLearn models."""
    folder = make_toy_files(tmp_path_factory.mktemp("guide"), n_events=160)
    for particle in ("gamma", "proton"):
        simulate(particle, 300, 2, folder / f"{particle}_test.dl1.h5")
    config = read_config([write_config(folder)])
    with open_ctlearn_reader([folder / "gamma"], config) as reader:
        for name, tasks in MODELS.items():
            keras.utils.set_random_seed(1)
            network = SingleCNN(reader.input_shape, tasks, **TRAINING["SingleCNN"])
            (folder / name).mkdir()
            network.model.save(folder / name / "ctlearn_model.keras")
    return folder


@pytest.fixture(scope="module")
def bundle_path(folder, tmp_path_factory):
    """A generator of the toy gammas, untrained."""
    return make_untrained_bundle(many_gammas(folder), tmp_path_factory.mktemp("bundle") / "bundle")


def many_gammas(folder: Path) -> Path:
    """A file of enough gammas for a map of their errors."""
    target = folder / "many.dl1.h5"
    if not target.exists():
        simulate("gamma", 3000, 11, target)
    return target


def invoke(folder: Path, model: str, output: Path, *more):
    argv = [folder / model, "--signal", folder / "gamma_test.dl1.h5", "--training"]
    argv += [folder / "gamma", "--config", folder / "ctlearn.yaml", "--output", output, *more]
    return CliRunner().invoke(command, list(map(str, argv)))


def test_predictions_are_the_models_for_ctlearns_own_images(folder):
    source = folder / "gamma_test.dl1.h5"
    model = keras.models.load_model(folder / "regression" / "ctlearn_model.keras")
    with open_ctlearn_reader([source], read_config([folder / "ctlearn.yaml"])) as reader:
        found = predict(model, reader, True, lambda n: None)
    theirs = DLImageReader([source], image_mapper_type="ShiftingMapper")
    batch = theirs.generate_mono_batch(np.arange(len(theirs.example_identifiers)))
    expected = model.predict(np.asarray(batch["features"]), verbose=0)
    order = np.argsort(batch["event_id"])
    mine = np.argsort(found.labels["event_id"])
    for task, values in expected.items():
        np.testing.assert_allclose(found.outputs[task][mine], values[order], rtol=1e-4, atol=1e-5)
    assert len(found) == len(batch) < 300  # CTLearn's quality cut
    assert (found.charge > 50).all()
    error = event_errors("energy", found)[mine]
    truth = np.log10(np.asarray(found.labels["true_energy"]))[mine]
    np.testing.assert_allclose(error, abs(expected["energy"][order, 0] - truth), rtol=1e-4)


@pytest.mark.parametrize("model", ["regression", "type"])
def test_the_command_writes_map_picture_and_reasons(folder, tmp_path, model):
    more = ["--offset-bins", "2", "--energy-width", "0.5"]
    if model == "type":
        more += ["--background", folder / "proton_test.dl1.h5"]
        more += ["--training-background", folder / "proton"]
    result = invoke(folder, model, tmp_path / "out", *more)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "regions.png").read_bytes()[:4] == b"\x89PNG"
    record = json.loads((tmp_path / "out" / "regions.json").read_text())
    tasks = {"regression": {"energy", "cameradirection"}, "type": {"type"}}[model]
    particles = [found["particle"] for found in record["classes"]]
    assert particles == ["gamma", "proton"][: 1 + (model == "type")]
    for found in record["classes"]:
        assert set(found["tasks"]) == tasks
        assert sum(cell["test"] for cell in found["cells"]) == found["n_test"]
        assert all(cell["reason"] for cell in found["cells"])
        means = [cell["errors"][task]["mean"] for cell in found["cells"] for task in tasks]
        assert any(mean is not None and mean > 0 for mean in means)
        if model == "type":
            assert all(mean is None or mean <= 1 for mean in means)
    text = (tmp_path / "out" / "gan_augment.yaml").read_text()
    reasons = [line for line in text.splitlines() if line.startswith(("# taken", "# left"))]
    assert len(reasons) == sum(len(found["cells"]) for found in record["classes"])
    with pytest.raises(UserError, match="already exists"):
        advise(Request(folder / model, Files([], [])), tmp_path / "out")


def test_energy_benchmarks_are_pyirfs_in_cells(folder, tmp_path):
    result = invoke(folder, "regression", tmp_path / "out", "--offset-bins", "1")
    assert result.exit_code == 0, result.output
    (found,) = json.loads((tmp_path / "out" / "regions.json").read_text())["classes"]
    config = read_config([folder / "ctlearn.yaml"])
    model = keras.models.load_model(folder / "regression" / "ctlearn_model.keras")
    with open_ctlearn_reader([folder / "gamma_test.dl1.h5"], config) as reader:
        events = predict(model, reader, True, lambda n: None)
    relative = 10 ** (events.outputs["energy"][:, 0] - events.log_energy) - 1
    for cell in found["cells"]:
        low, high = cell["log_energy"]
        here = (events.log_energy >= low) & (events.log_energy < high)
        assert np.count_nonzero(here) == cell["test"]
        if cell["test"] >= 20:
            bias = cell["benchmarks"]["energy_bias"]
            assert bias == pytest.approx(np.median(relative[here]), rel=1e-3)
            theta = event_errors("cameradirection", events)[here]
            expected = np.quantile(theta, 0.6827)
            assert cell["benchmarks"]["angular_resolution_68"] == pytest.approx(expected, rel=1e-3)


@pytest.fixture()
def request_of(folder, bundle_path, monkeypatch):
    """A request whose training events were thinned to a part, and whose model suffers from it."""
    camera = load_bundle(bundle_path).camera
    read_all = read_labels([many_gammas(folder)], read_config([]))

    def make(kept: float, factor: float, **options) -> Request:
        rng = np.random.default_rng(5)
        is_training = rng.random(len(read_all)) < 0.6
        stays = (np.asarray(read_all["true_energy"]) < HOLE) | (rng.random(len(read_all)) < kept)
        test = read_all[~is_training]
        log_energy = np.asarray(test["log_true_energy"])
        spread = 0.1 * np.where(log_energy > np.log10(HOLE), factor, 1.0)
        energy = (log_energy + rng.normal(0, spread))[:, None]
        charge = np.full(len(test), 100.0)
        found = Predicted(
            test, {"energy": energy}, charge, camera.n_pixels, camera.focal_length, True
        )
        monkeypatch.setattr(guide_run, "read_labels", lambda *_: read_all[is_training & stays])
        monkeypatch.setattr(guide_run, "predict", lambda *_: found)
        files = Files([many_gammas(folder)], [])
        configs = [folder / "ctlearn.yaml"]
        return Request(folder / "energy", files, configs=configs, **options)

    return make


def test_a_hole_gets_a_block_that_serves_it(request_of, bundle_path, tmp_path):
    advise(request_of(0.05, 2.5, generators=[bundle_path]), tmp_path / "out")
    content = read_yaml_file(tmp_path / "out" / "gan_augment.yaml")
    block = read_block(content)
    assert list(block.generators) == ["gamma"]
    assert 0 < block.fraction < 0.3
    lowest = min(region.energy[0] for region in block.regions)
    highest = max(region.energy[1] for region in block.regions)
    assert lowest == pytest.approx(HOLE, rel=0.01)
    bundle = load_bundle(bundle_path)
    assert highest > 0.9 * bundle.label_table["true_energy"].max()
    for region in block.regions:
        check_domain(bundle, region)
        assert isinstance(region, Region)
    record = json.loads((tmp_path / "out" / "regions.json").read_text())
    for cell in record["classes"][0]["cells"]:
        if cell["log_energy"][1] <= np.log10(HOLE):
            assert cell["verdict"] in ("enough", "unknown")


@pytest.mark.parametrize(("kept", "factor"), [(1.0, 1.0), (0.05, 1.0)])
def test_without_need_there_is_no_block_but_a_reason(request_of, tmp_path, kept, factor):
    advice = advise(request_of(kept, factor), tmp_path / "out")
    text = (tmp_path / "out" / "gan_augment.yaml").read_text()
    assert yaml.safe_load(text) is None
    assert "no cell to augment" in text
    assert len(advice.surveys[0].verdicts) == text.count("# left")


def test_a_generator_that_is_not_good_enough_is_named(request_of, bundle_path, tmp_path):
    meta = load_bundle(bundle_path).meta
    section = {"judge_learnt": False, "bins": []}
    metrics = {"bundle": {"bundle_id": meta.bundle_id, "particle": "gamma"}, "type": None}
    metrics |= {"energy": section, "direction": section}
    evaluation = tmp_path / "evaluation"
    evaluation.mkdir()
    (evaluation / "metrics.json").write_text(json.dumps(metrics))
    options = {"generators": [bundle_path], "evaluations": [evaluation]}
    advise(request_of(0.05, 2.5, **options), tmp_path / "out")
    text = (tmp_path / "out" / "gan_augment.yaml").read_text()
    assert yaml.safe_load(text) is None
    assert "has not learnt the energy" in text


def test_what_does_not_fit_is_refused_in_one_sentence(folder, tmp_path):
    def refusal(model, *more):
        result = invoke(folder, model, tmp_path / "out", *more)
        assert isinstance(result.exception, UserError), result.output
        assert not (tmp_path / "out").exists()
        return str(result.exception)

    assert "--training-background" in refusal("type")
    classes = ["--background", folder / "proton_test.dl1.h5"]
    classes += ["--training-background", folder / "proton"]
    assert "not the type" in refusal("regression", *classes)
    assert "is no evaluation" in refusal("regression", "--evaluation", folder)
    assert "MODEL: " in refusal("gamma")
    other = tmp_path / "other.yaml"
    reader = {"image_mapper_type": "BilinearMapper"}
    other.write_text(yaml.safe_dump({"TrainCTLearnModel": {"DLImageReader": reader}}))
    assert "--config" in refusal("regression", "--config", other)


def test_events_the_model_learnt_from_are_left_out(folder, caplog):
    config = read_config([folder / "ctlearn.yaml"])
    training = read_labels([folder / "gamma"], config)
    model = keras.models.load_model(folder / "regression" / "ctlearn_model.keras")
    files = Files([folder / "gamma", folder / "gamma_test.dl1.h5"], [folder / "gamma"])
    events = guide_run._predict(model, files, config, True, training)
    assert "the model learnt from them" in caplog.text
    with open_ctlearn_reader([folder / "gamma_test.dl1.h5"], config) as reader:
        assert len(events) == len(reader.example_identifiers)


def test_nested_sections_of_a_ctlearn_configuration_count(folder):
    """As ctlearn-train-model takes them: sections may stand inside the tool's."""
    assert "DLImageReader" in TRAINING
    subarray = SubarrayDescription.read(folder / "gamma_test.dl1.h5")
    n_pixels = subarray.tel[1].camera.geometry.n_pixels
    with open_ctlearn_reader(
        [folder / "gamma_test.dl1.h5"], read_config([folder / "ctlearn.yaml"])
    ) as reader:
        (mapper,) = reader.image_mappers.values()
    assert mapper.mapping_table.nnz == n_pixels  # ShiftingMapper: one cell per pixel
