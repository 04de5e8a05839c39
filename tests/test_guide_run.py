"""The command from a model and files to the map and a block that train-model takes."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from augment_fakes import TRAINING, make_toy_files, make_untrained_bundle, write_config
from click.testing import CliRunner
from ctlearn.core.model import SingleCNN
from dl1_data_handler.reader import DLImageReader

from ctlearn_gan_aug.augment.block import read_block, read_yaml_file
from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.cli.regions import command
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.data.ctlearn_reader import open_ctlearn_reader
from ctlearn_gan_aug.data.toy.simulate import simulate
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.guide import run as guide_run
from ctlearn_gan_aug.guide.cells import MIN_TEST
from ctlearn_gan_aug.guide.measure import event_errors
from ctlearn_gan_aug.guide.predict import Predicted, predict
from ctlearn_gan_aug.guide.reading import read_config, read_labels
from ctlearn_gan_aug.guide.run import Files, Request, advise
from ctlearn_gan_aug.sampling.regions import check_domain

HOLE = 1.0  # TeV
MODELS = {"regression": ["energy", "cameradirection"], "type": ["type"]}


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


@pytest.fixture(scope="module")
def events(folder):
    """Test gammas as the model of two tasks reconstructs them."""
    model = keras.models.load_model(folder / "regression" / "ctlearn_model.keras")
    config = read_config([folder / "ctlearn.yaml"])
    with open_ctlearn_reader([folder / "gamma_test.dl1.h5"], config) as reader:
        return predict(model, reader, True, lambda n: None)


def test_predictions_are_the_models_for_ctlearns_own_images(folder, events):
    model = keras.models.load_model(folder / "regression" / "ctlearn_model.keras")
    theirs = DLImageReader([folder / "gamma_test.dl1.h5"], image_mapper_type="ShiftingMapper")
    batch = theirs.generate_mono_batch(np.arange(len(theirs.example_identifiers)))
    expected = model.predict(np.asarray(batch["features"]), verbose=0)
    assert len(events) == len(batch) < 300  # CTLearn's quality cut
    assert (events.charge > 50).all()
    order, mine = np.argsort(batch["event_id"]), np.argsort(events.labels["event_id"])
    for task, values in expected.items():
        np.testing.assert_allclose(events.outputs[task][mine], values[order], rtol=1e-4, atol=1e-5)
    error = np.abs(expected["energy"][order, 0] - events.log_energy[mine])
    np.testing.assert_allclose(event_errors("energy", events)[mine], error, rtol=1e-4)


@pytest.fixture(scope="module")
def maps(folder):
    """What the command has printed and written for the models of two and of one task."""
    more = {"regression": [], "type": ["--background", folder / "proton_test.dl1.h5"]}
    more["type"] += ["--training-background", folder / "proton"]
    printed = {}
    for model, options in more.items():
        result = invoke(folder, model, folder / f"map_{model}", "--offset-bins", 1, *options)
        assert result.exit_code == 0, result.output
        printed[model] = result.output
    return printed


@pytest.mark.parametrize("model", ["regression", "type"])
def test_the_command_writes_map_picture_and_reasons(folder, maps, model):
    output = folder / f"map_{model}"
    assert (output / "regions.png").read_bytes()[:4] == b"\x89PNG"
    record = json.loads((output / "regions.json").read_text())
    particles = [found["particle"] for found in record["classes"]]
    assert particles == (["gamma", "proton"] if model == "type" else ["gamma"])
    for found in record["classes"]:
        assert list(found["tasks"]) == MODELS[model]
        assert sum(cell["test"] for cell in found["cells"]) == found["n_test"]
        assert all(cell["reason"] for cell in found["cells"])
        means = [cell["errors"][task]["mean"] for cell in found["cells"] for task in found["tasks"]]
        assert any(mean is not None and mean > 0 for mean in means)
        if model == "type":
            assert all(mean is None or mean <= 1 for mean in means)
    text = (output / "gan_augment.yaml").read_text()
    reasons = [line for line in text.splitlines() if line.startswith(("# taken", "# left"))]
    assert len(reasons) == sum(len(found["cells"]) for found in record["classes"])
    assert maps[model].count("enough") >= 1
    with pytest.raises(UserError, match="already exists"):
        advise(Request(folder / model, Files([], [])), output)


def test_energy_benchmarks_are_pyirfs_in_cells(folder, maps, events):
    (found,) = json.loads((folder / "map_regression" / "regions.json").read_text())["classes"]
    relative = 10 ** (events.outputs["energy"][:, 0] - events.log_energy) - 1
    theta = event_errors("cameradirection", events)
    for cell in found["cells"]:
        low, high = cell["log_energy"]
        here = (events.log_energy >= low) & (events.log_energy < high)
        assert np.count_nonzero(here) == cell["test"]
        if cell["test"] >= MIN_TEST:
            expected = {
                "energy_bias": np.median(relative[here]),
                "angular_resolution_68": np.quantile(theta[here], 0.6827),
            }
            for name, value in expected.items():
                assert cell["benchmarks"][name] == pytest.approx(value, rel=1e-3)


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
        place = np.stack([test[f"cam_coord_offset_{axis}"] for axis in "xy"], axis=1)
        outputs = {
            "energy": (log_energy + rng.normal(0, spread))[:, None],
            "cameradirection": place + rng.normal(0, 0.1, place.shape),
        }
        camera_of = camera.n_pixels, camera.focal_length
        found = Predicted(test, outputs, np.full(len(test), 100.0), *camera_of, True)
        monkeypatch.setattr(guide_run, "read_labels", lambda *_: read_all[is_training & stays])
        monkeypatch.setattr(guide_run, "predict", lambda *_: found)
        files = Files([many_gammas(folder)], [])
        configs = [folder / "ctlearn.yaml"]
        return Request(folder / "regression", files, configs=configs, **options)

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


def test_events_the_model_learnt_from_are_left_out(folder, events, monkeypatch, caplog):
    config = read_config([folder / "ctlearn.yaml"])
    monkeypatch.setattr(guide_run, "predict", lambda *_: events)
    files = Files([folder / "gamma_test.dl1.h5"], [])
    unseen = guide_run._predict(None, files, config, True, events.labels[:30])
    np.testing.assert_array_equal(unseen.labels["event_id"], events.labels["event_id"][30:])
    assert "30 events are left out: the model learnt from them" in caplog.text
    with pytest.raises(UserError, match="holds 20 events that the model has not seen"):
        guide_run._predict(None, files, config, True, events.labels[20:])


def test_options_of_the_command_arrive(folder, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(guide_run, "advise", lambda *arguments: asked.append(arguments) or 1 / 0)
    options = ("--generator", "g", "--generator", "p", "--evaluation", "e", "--overwrite")
    sizes = ("--energy-width", 0.5, "--offset-bins", 2)
    result = invoke(folder, "regression", tmp_path, *options, *sizes)
    assert isinstance(result.exception, ZeroDivisionError), result.output
    ((request, target, overwrite),) = asked
    assert (target, overwrite) == (tmp_path, True)
    assert request.generators == (Path("g"), Path("p")) and request.evaluations == (Path("e"),)
    assert (request.energy_width, request.n_offsets) == (0.5, 2)
    assert request.configs == (folder / "ctlearn.yaml",) and request.background is None
