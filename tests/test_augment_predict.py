"""CTLearn's own prediction with models of an augmented training, opened by ctapipe."""

import keras
import numpy as np
import pytest
import yaml
from augment_fakes import (
    TRAINING,
    ReplayBundle,
    augmented_tool,
    make_toy_files,
    use_replay,
    write_config,
)
from ctapipe.io import TableLoader
from ctlearn.tools.predict_model import MonoPredictCTLearnModel
from dl1_data_handler.reader import DLImageReader


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Toy files, with a type and an energy model trained on them and on their own copies."""
    folder = make_toy_files(tmp_path_factory.mktemp("predict"), n_events=120)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        bundles = {p: ReplayBundle(folder / p / f"{p}.dl1.h5", p) for p in ("gamma", "proton")}
        use_replay(patch, bundles)
        block = {"generators": {name: name for name in bundles}, "fraction": 0.5}
        config = write_config(folder, block, n_epochs=1, batch_size=8)
        for task, more in {"energy": [], "type": ["--background", "proton"]}.items():
            argv = ["--config", config, "--signal", "gamma", "--reco", task, "--output", task]
            with pytest.raises(SystemExit) as end:
                augmented_tool().run([*argv, *more])
            assert end.value.code == 0
    return folder


def test_ctlearn_predicts_and_ctapipe_opens_the_result(folder, monkeypatch):
    monkeypatch.chdir(folder)
    source, output = folder / "gamma" / "gamma.dl1.h5", folder / "gamma.dl2.h5"
    expected_gammaness, expected_energy = outputs(folder, source)
    # One batch: CTLearn 0.10.4 loses the gammaness of an incomplete last one.
    options = {"batch_size": len(expected_energy), "DLImageReader": TRAINING["DLImageReader"]}
    (folder / "predict.yaml").write_text(yaml.safe_dump({"MonoPredictCTLearnModel": options}))
    argv = ["--config", "predict.yaml", "--input_url", str(source), "--output", str(output)]
    argv += ["--type_model", "type/ctlearn_model.keras"]
    with pytest.raises(SystemExit) as end:
        MonoPredictCTLearnModel().run([*argv, "--energy_model", "energy/ctlearn_model.keras"])
    assert end.value.code == 0

    with TableLoader(output, focal_length_choice="EFFECTIVE") as loader:
        events = loader.read_telescope_events(dl2=True, simulated=True)
    assert len(events) == 120
    events = events[np.asarray(events["CTLearnRegressor_tel_is_valid"])]
    events.sort("event_id")
    gammaness = events["CTLearnClassifier_tel_prediction"]
    np.testing.assert_allclose(gammaness, expected_gammaness, rtol=1e-4)
    energy = events["CTLearnRegressor_tel_energy"].quantity.to_value("TeV")
    np.testing.assert_allclose(energy, expected_energy, rtol=1e-4)
    assert 50 < len(events) < 120
    assert (events["true_energy"] > 0).all()


def outputs(folder, source):
    """Gammaness and energy in TeV of the models for a file's images, by event."""
    reader = DLImageReader([source], image_mapper_type="ShiftingMapper")
    batch = reader.generate_mono_batch(np.arange(len(reader.example_identifiers)))
    images = np.asarray(batch["features"])[np.argsort(batch["event_id"])]
    models = {
        task: keras.models.load_model(folder / task / "ctlearn_model.keras")
        for task in ("type", "energy")
    }
    gammaness = models["type"].predict(images, verbose=0)[:, 1]
    return gammaness, 10 ** models["energy"].predict(images, verbose=0)["energy"][:, 0]
