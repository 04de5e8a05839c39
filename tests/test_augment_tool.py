"""The training tool: CTLearn's own without the block, exact mixing with it."""

import csv
import json

import numpy as np
import pytest
from augment_fakes import (
    BATCH,
    TRAINING,
    ReplayBundle,
    augmented_tool,
    make_toy_files,
    make_untrained_bundle,
    use_replay,
    write_config,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Folders gamma/ and proton/ with one toy file each."""
    return make_toy_files(tmp_path_factory.mktemp("data"), n_events=200)


@pytest.fixture(scope="module")
def bundles(data):
    return {p: ReplayBundle(data / p / f"{p}.dl1.h5", p) for p in ("gamma", "proton")}


@pytest.fixture(scope="module")
def untrained(data, tmp_path_factory):
    """Path of a bundle whose generator has random weights."""
    target = tmp_path_factory.mktemp("untrained") / "bundle"
    return make_untrained_bundle(data / "gamma" / "gamma.dl1.h5", target)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """Working directory of a training; ctapipe writes its provenance log there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(tool, config, data, *options, background=False, output="out", task="energy"):
    """Run a training tool to its end; return the rows of its log."""
    import keras

    keras.utils.set_random_seed(3)
    argv = ["--config", config, "--signal", str(data / "gamma"), "--output", output]
    argv += ["--background", str(data / "proton")] if background else []
    with pytest.raises(SystemExit) as end:
        tool.run([*argv, "--reco", task, *options])
    assert end.value.code == 0
    with open(f"{output}/training_log.csv") as log:
        return list(csv.DictReader(log))


def assert_same_log(ours, theirs):
    """Equal but for the rounding of sums, with which an event may cross a threshold of the AUC."""
    assert len(ours) == len(theirs)
    for row, expected in zip(ours, theirs, strict=True):
        assert row.keys() == expected.keys()
        for name, value in row.items():
            tolerance = {"abs": 1e-3} if "auc" in name else {"rel": 1e-5}
            assert float(value) == pytest.approx(float(expected[name]), **tolerance), name


FROM_STORE_AND_LOADER = {"built": (), "found": (), "loader": ("--reader", "ctlearn")}


@pytest.mark.parametrize(
    ("task", "background", "trainings"),
    [
        ("energy", False, FROM_STORE_AND_LOADER),
        ("type", True, {"elsewhere": ("--store", "stores")}),
    ],
)
def test_without_block_the_training_is_ctlearns_own(data, workplace, task, background, trainings):
    """From a store that is built, from one that is found, and from CTLearn's own loader."""
    from ctlearn.tools.train_model import TrainCTLearnModel

    # Batches of 8 leave enough events for validation; three epochs show two shuffles.
    config = write_config(workplace, n_epochs=3, batch_size=8)
    options = {"task": task, "background": background}
    theirs = run(TrainCTLearnModel(), config, data, output="theirs", **options)
    assert np.isfinite([float(row["val_loss"]) for row in theirs]).all()
    assert len({row["val_loss"] for row in theirs}) == 3
    for output, arguments in trainings.items():
        ours = run(augmented_tool(), config, data, *arguments, output=output, **options)
        assert_same_log(ours, theirs)
        assert files_in(workplace / output) == files_in(workplace / "theirs")
    cache = workplace / ("stores" if "elsewhere" in trainings else "ctlearn_gan_store")
    assert len([p for p in cache.iterdir() if p.name[0] != "."]) == 1


def files_in(folder):
    """Names below a folder; TensorBoard's without time and process."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return sorted(name.split(".tfevents.")[0] for name in names)


def test_overwrite_replaces_an_earlier_training_when_the_new_one_has_ended(
    data, workplace, monkeypatch
):
    from ctlearn.tools.train_model import TrainCTLearnModel

    config = write_config(workplace, n_epochs=1, batch_size=8)
    model = workplace / "out" / "ctlearn_model.keras"
    run(augmented_tool(), config, data)
    first = model.read_bytes()

    def fail(tool):
        """As a training that is interrupted in its second epoch leaves things."""
        tool.output_dir.mkdir()
        (tool.output_dir / model.name).write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(TrainCTLearnModel, "start", fail)
        argv = ["--config", config, "--signal", str(data / "gamma"), "--output", "out"]
        augmented_tool().run([*argv, "--reco", "energy", "--overwrite"])
    assert model.read_bytes() == first
    assert (workplace / "out.new" / model.name).read_text() == "half"
    assert len(run(augmented_tool(), config, data, "--overwrite")) == 1
    assert model.stat().st_size > 1000
    assert model.read_bytes() != first
    assert [path.name for path in workplace.glob("out*")] == ["out"]


def test_either_name_of_a_method_of_dl1_data_handler_serves_ctlearn(data, workplace, monkeypatch):
    """Release 0.14.11 renamed what CTLearn 0.10.4 calls in its setup."""
    from ctlearn.tools.train_model import TrainCTLearnModel
    from dl1_data_handler.reader import DLDataReader

    count = getattr(DLDataReader, "_get_n_events", None) or DLDataReader.get_n_events
    monkeypatch.delattr(DLDataReader, "_get_n_events", raising=False)
    monkeypatch.setattr(DLDataReader, "get_n_events", count, raising=False)
    monkeypatch.setattr(TrainCTLearnModel, "start", lambda tool: None)
    argv = ["--signal", str(data / "gamma"), "--output", "out", "--reco", "energy"]
    with pytest.raises(SystemExit) as end:
        augmented_tool().run(["--config", write_config(workplace, batch_size=8), *argv])
    assert end.value.code == 0


def test_what_a_store_cannot_feed_is_said(data, workplace):
    reader = {"mode": "stereo", "min_telescopes": 1}
    stereo = TRAINING["DLImageReader"] | reader
    config = write_config(workplace, n_epochs=1, batch_size=8, DLImageReader=stereo)
    options = ("--log-file", "train.log", "--log-file-level", "INFO")
    tool = augmented_tool()
    with pytest.raises(SystemExit):  # CTLearn's mono model cannot train on it, but is asked to
        tool.run(
            [
                *("--config", config, "--signal", str(data / "gamma"), "--output", "out"),
                *("--reco", "energy", *options),
            ]
        )
    assert (
        "No pixel store for mode stereo: CTLearn's own loader reads."
        in (workplace / "train.log").read_text()
    )
    assert type(tool.training_loader).__name__ == "DLDataLoader"


def test_block_is_honoured_and_reported(data, bundles, workplace, monkeypatch):
    use_replay(monkeypatch, bundles)
    block = {"generators": {"gamma": "gamma", "proton": "proton"}, "fraction": 0.25, "seed": 1}
    tool = augmented_tool()
    options = ("--log-file", "train.log", "--log-file-level", "INFO")
    config = write_config(workplace, block)
    rows = run(tool, config, data, *options, background=True, task="type")
    assert len(rows) == 2
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    written = json.loads((workplace / "out" / "gan_augment.json").read_text())
    assert (written["simulated_per_batch"], written["generated_per_batch"]) == (12, 4)
    assert written["epochs"] == 2
    mixed = [region["images_mixed"] for region in written["regions"]]
    assert sum(mixed) == 2 * 4 * written["batches_per_epoch"]
    assert abs(mixed[0] - mixed[1]) <= 2
    assert [region["class"] for region in written["regions"]] == ["signal", "background"]
    # Validation is simulated only, its batches are whole.
    (features, _), *_ = tool.validation_loader
    assert len(features) == BATCH
    weights = tool.dl1dh_reader.class_weight
    fed = tool._mixed.fed_per_class()
    assert weights[0] * fed[0] == pytest.approx(weights[1] * fed[1])
    log = (workplace / "train.log").read_text()
    assert "12 simulated and 4 generated" in log
    assert "were trained on (25.0% generated)" in log


@pytest.mark.parametrize("from_store", [True, False])
@pytest.mark.parametrize("mapper", ["ShiftingMapper", "BilinearMapper"])
@pytest.mark.parametrize(
    "channels",
    [
        ["image", "peak_time"],
        ["cleaned_image", "relative_peak_time"],
        ["log_image", "log_cleaned_image"],
    ],
    ids="-".join,
)
def test_generated_images_arrive_as_the_reader_delivers_them(
    data, bundles, monkeypatch, tmp_path, mapper, channels, from_store
):
    """The bundle replays the file, so all images of a batch must be the reader's."""
    from ctlearn.core.loader import DLDataLoader
    from dl1_data_handler.reader import DLImageReader
    from traitlets.config import Config

    from ctlearn_gan_aug.augment import build
    from ctlearn_gan_aug.augment.batch_plan import BatchPlan
    from ctlearn_gan_aug.augment.mixing import MixedBatches
    from ctlearn_gan_aug.config.augment import GanAugmentConfig
    from ctlearn_gan_aug.data.feed import StoreFeed
    from ctlearn_gan_aug.data.store import open_store

    use_replay(monkeypatch, bundles)
    if not set(channels) <= set(DLImageReader.class_traits()["channels"]._trait.values):
        pytest.skip("logarithms came with dl1-data-handler 0.14.9")
    config = Config()
    config.DLImageReader.image_mapper_type = [("type", "*", mapper)]
    config.DLImageReader.channels = channels
    reader = DLImageReader([str(data / "gamma" / "gamma.dl1.h5")], config=config)
    tasks = ["energy", "cameradirection", "skydirection"]
    n = len(reader.example_identifiers)
    everything = DLDataLoader(reader, list(range(n)), tasks, batch_size=n)[0]
    block = GanAugmentConfig(generators={"gamma": "gamma"}, fraction=0.5)
    loader = DLDataLoader(reader, list(range(n)), tasks, batch_size=20, random_seed=0)
    plan = BatchPlan.of(block, 20, 1)
    training = build.Training(loader, tasks, plan)
    source = build.synthetic_source(block, build.load_bundles(block), training)
    table = reader.image_mappers[reader.cam_name].mapping_table
    feed = None
    if from_store:
        store = open_store(tmp_path, reader, reader.example_identifiers, channels)
        feed = StoreFeed(loader, store.pixels)
    batches = MixedBatches(loader, plan, source, table, seed=0, feed=feed).dataset
    by_energy = {round(float(e), 5): i for i, e in enumerate(everything[1]["energy"])}
    assert len(by_energy) == n
    n_compared = 0
    for features, labels in batches.as_numpy_iterator():
        rows = [by_energy[round(float(energy), 5)] for energy in labels["energy"]]
        images = everything[0][rows]
        scale = np.abs(images).max()
        np.testing.assert_allclose(features, images, rtol=1e-5, atol=1e-5 * scale)
        for task in tasks:
            np.testing.assert_allclose(labels[task], everything[1][task][rows], atol=1e-5)
        n_compared += len(rows)
    assert n_compared == 20 * (n // 10)


def test_bundle_on_disk_is_mixed_in(data, untrained, workplace):
    """Untrained, so without quality cut: the path from disk to a training log."""
    region = {"energy": ["0.3 TeV", "3 TeV"], "spectrum": {"index": -2}}
    block = {"generators": {"gamma": str(untrained)}, "fraction": 0.5, "regions": [region]}
    reader = TRAINING["DLImageReader"] | {"TableQualityQuery": {"quality_criteria": []}}
    config = write_config(workplace, block, n_epochs=1, DLImageReader=reader)
    (row,) = run(augmented_tool(), config, data)
    assert np.isfinite(float(row["loss"]))
    (region,) = json.loads((workplace / "out" / "gan_augment.json").read_text())["regions"]
    assert region["images_mixed"] > 0
    assert region["images_accepted"] == region["images_generated"]


def test_images_of_a_bundle_are_a_function_of_number_seed_and_label(untrained):
    from ctlearn_gan_aug.augment.build import sampler_of
    from ctlearn_gan_aug.augment.label_chunks import CHUNK_SIZE
    from ctlearn_gan_aug.bundle import load_bundle

    bundle = load_bundle(untrained)
    generate = sampler_of(bundle, seed=1, candidates=1).images
    labels = np.zeros((CHUNK_SIZE, bundle.labels.size), np.float32)
    numbers = np.arange(CHUNK_SIZE, dtype=np.int64)
    first = generate(numbers, labels)
    assert first.shape == (CHUNK_SIZE, bundle.camera.n_pixels, 2)
    np.testing.assert_array_equal(generate(numbers, labels), first)
    np.testing.assert_array_equal(generate(numbers[::-1], labels), first[::-1])
    assert not np.array_equal(generate(numbers + 2**60, labels), first)
    assert not np.array_equal(sampler_of(bundle, 2, 1).images(numbers, labels), first)
