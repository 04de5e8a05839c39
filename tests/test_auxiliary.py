"""The auxiliary loss: residuals to zero or as on simulation, by models that stay as they are."""

import json
import math
import zipfile
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from dl1_data_handler.reader import DLImageReader

from ctlearn_gan_aug.config.auxiliary import Channel
from ctlearn_gan_aug.config.base import parse
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.data.channels import reader_channels
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.dl1.cleaning import CleaningSettings, clean, infer_cleaning
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.intensity import IntensityTransform
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.models.auxiliary import (
    AuxiliaryLoss,
    energy_distance,
    load_ctlearn_model,
)
from ctlearn_gan_aug.models.judge import CTLearnJudge
from ctlearn_gan_aug.models.reader_channels import ReaderChannels
from ctlearn_gan_aug.training.auxiliary import build_auxiliary, obtain_auxiliary

UNITS = {"type": 2, "energy": 1, "cameradirection": 2}
WEIGHTS = {"energy": 0.5, "cameradirection": 0.25}


def small_model(side: int, *tasks: str) -> keras.Model:
    """As CTLearn builds them: a dictionary of outputs, and a bare one for the type alone."""
    image = keras.Input((side, side, 2))
    # Times without signal are other noise than the file's once they were in network units.
    x = keras.layers.Rescaling([0.05, 1e-3])(image)
    x = keras.layers.Conv2D(4, 3, strides=4, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)  # its averages must not move either
    x = keras.layers.Flatten()(x)
    outputs = {task: keras.layers.Dense(UNITS[task], name=task)(x) for task in tasks}
    if "type" in outputs:
        outputs["type"] = keras.layers.Softmax()(outputs["type"])
    return keras.Model(image, outputs["type"] if tasks == ("type",) else outputs)


class Fixture:
    """A camera with its events as images in network units, and their encoded labels."""

    def __init__(self, path):
        events = read_events([path])
        self.events, self.camera = events, events.camera
        self.labels = LabelSet.fit(["energy", "cameradirection"], events.labels)
        self.intensity = IntensityTransform.fit(events.pixels, events.masks, events.channels)
        self.encoded = tf.constant(self.labels.encode(events.labels))
        network_units = self.intensity.encode(events.pixels).numpy()
        self.images = tf.constant(self.camera.to_grid(network_units))
        self.side = self.camera.grid_side

    def loss(self, model, mapper="ShiftingMapper", weights=WEIGHTS, match="distribution"):
        return AuxiliaryLoss(
            model, mapper, weights, self.camera, self.labels, self.intensity, match
        )


@pytest.fixture(scope="module")
def data(toy_gamma):
    return Fixture(toy_gamma)


@pytest.fixture
def model(data):
    keras.utils.set_random_seed(1)
    return small_model(data.side, "energy", "cameradirection")


def predictions(data, model) -> dict:
    """Outputs of a model for the events' pixels, by the path CTLearn itself takes."""
    mapping = data.camera.mapping("ShiftingMapper")
    channels = [(mapping.T @ data.events.pixels[..., i].T).T for i in range(2)]
    grid = np.stack(channels, axis=-1).reshape(-1, data.side, data.side, 2)
    return {task: np.asarray(output) for task, output in model(grid, training=False).items()}


def truth(data, task) -> np.ndarray:
    decoded = data.labels.decode(data.encoded.numpy())
    columns = {
        "energy": ["log_true_energy"],
        "cameradirection": ["cam_coord_offset_x", "cam_coord_offset_y"],
    }
    return np.stack([decoded[c] for c in columns[task]], axis=1)


def spread(data, task) -> float:
    column = {"energy": "log_true_energy", "cameradirection": "cam_coord_offset_x"}[task]
    return data.labels.scale[data.labels.columns.index(column)]


def brute_force_distance(a, b) -> float:
    """Unbiased energy distance, pair by pair."""
    across = np.mean([abs(x - y) for x in a for y in b])
    within = [np.mean([abs(x - y) for x, y in permuted_pairs(s)]) for s in (a, b)]
    return 2 * across - sum(within)


def permuted_pairs(sample):
    return [(x, y) for i, x in enumerate(sample) for j, y in enumerate(sample) if i != j]


def test_the_model_sees_the_noise_of_times_without_signal(data):
    """As it did when it was trained; without, batch normalisation alone would mislead it."""
    image = keras.Input((data.side, data.side, 2))
    pooled = keras.layers.GlobalAveragePooling2D()
    moments = [pooled(image), pooled(keras.layers.Lambda(keras.ops.square)(image))]
    model = keras.Model(image, {"energy": keras.layers.Concatenate()(moments)})
    seen = CTLearnJudge(model, "ShiftingMapper", data.camera, data.intensity)(data.images)
    expected = predictions(data, model)["energy"]
    found = seen["energy"].numpy()
    np.testing.assert_allclose(found[:, [0, 2]], expected[:, [0, 2]], rtol=1e-3, atol=1e-3)
    # Times are other draws; their means and mean squares are the same.
    np.testing.assert_allclose(found[:, [1, 3]].mean(0), expected[:, [1, 3]].mean(0), rtol=0.03)


#: Logarithms came with dl1-data-handler 0.14.9.
CHANNELS = DLImageReader.class_traits()["channels"]._trait.values


def test_every_channel_of_the_reader_can_be_named():
    assert set(CHANNELS) <= set(get_args(Channel))


@pytest.mark.parametrize(
    "settings",
    [
        CleaningSettings(7.0, 4.0, False, 1),
        CleaningSettings(7.0, 4.0, False, 0),
        CleaningSettings(5.0, 3.0, True, 0),
        CleaningSettings(6.0, 3.0, False, 2),
    ],
)
def test_channels_are_those_of_the_reader(data, settings):
    """By dl1-data-handler's own function, with ctapipe's cleaning."""
    pixels, geometry = data.events.pixels[:60], data.camera.geometry
    content = {"image": pixels[..., 0], "peak_time": pixels[..., 1]}
    content["image_mask"] = clean(pixels[..., 0], geometry, settings)
    assert content["image_mask"].any(axis=1).sum() > 30
    expected = reader_channels({k: v.copy() for k, v in content.items()}, CHANNELS)
    found = ReaderChannels(CHANNELS, geometry, settings)(tf.constant(pixels))
    known = np.nan_to_num(expected)  # no mean time without cleaned pixel
    np.testing.assert_allclose(np.stack(found, axis=-1), known, rtol=1e-4, atol=1e-4)


def test_gradients_of_channels_are_finite_and_cleaned_away_where_pixels_are(data):
    settings, geometry = CleaningSettings(7.0, 4.0, False, 1), data.camera.geometry
    pixels = tf.constant(data.events.pixels[:8])
    mask = clean(pixels[..., 0].numpy(), geometry, settings)
    push = np.random.default_rng(0).uniform(-1.0, 1.0, mask.shape).astype(np.float32)
    for name in CHANNELS:
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            (channel,) = ReaderChannels([name], geometry, settings)(pixels)
        gradient = tape.gradient(channel, pixels, tf.constant(push)).numpy()
        own = gradient[..., 0 if name.endswith("image") else 1]
        assert np.isfinite(own).all()
        assert np.abs(own).max() <= 2.0
        assert own[mask].any()
        if "cleaned" in name:
            assert not own[~mask].any()


def test_a_model_of_cleaned_channels_judges_what_it_was_trained_on(data, model):
    names = ["cleaned_image", "cleaned_relative_peak_time"]
    masks, geometry = data.events.masks[:], data.camera.geometry
    pixels = data.events.pixels[:]
    content = {"image": pixels[..., 0], "peak_time": pixels[..., 1], "image_mask": masks}
    values = np.nan_to_num(reader_channels(content, names))
    mapping = data.camera.mapping("ShiftingMapper")
    grid = np.stack([(mapping.T @ values[..., i].T).T for i in range(2)], axis=-1)
    expected = model(grid.reshape(-1, data.side, data.side, 2), training=False)["energy"]
    channels = ReaderChannels(names, geometry, infer_cleaning(pixels[..., 0], masks, geometry))
    judge = CTLearnJudge(model, "ShiftingMapper", data.camera, data.intensity, channels)
    np.testing.assert_allclose(judge(data.images)["energy"], expected, rtol=1e-3, atol=1e-3)


def test_zero_is_the_mean_squared_residual_in_units_of_the_spread(data, model):
    loss = data.loss(model, match="zero")
    predicted = predictions(data, model)
    expected = sum(
        weight * np.mean(((predicted[task] - truth(data, task)) / spread(data, task)) ** 2)
        for task, weight in WEIGHTS.items()
    )
    assert float(loss(data.images, data.encoded)) == pytest.approx(expected, rel=2e-2)


def test_distribution_compares_residuals_of_both_batches(data, model):
    loss = data.loss(model, weights={"energy": 2.0})
    predicted = predictions(data, model)["energy"]
    residuals = ((predicted - truth(data, "energy")) / spread(data, "energy"))[:, 0]
    value = loss(data.images[:20], data.encoded[:20], data.images[20:60], data.encoded[20:60])
    expected = 2.0 * brute_force_distance(residuals[:20], residuals[20:60])
    assert float(value) == pytest.approx(expected, abs=0.05 * residuals.std())


def test_energy_distance_by_hand_and_brute_force():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(9, 1)), rng.normal(1.0, 2.0, size=(14, 1))
    expected = brute_force_distance(a[:, 0], b[:, 0])
    assert float(energy_distance(*map(tf.constant, map(np.float32, (a, b))))) == pytest.approx(
        expected, rel=1e-5
    )
    # Two points at 0 and two at 1: 2 * 1 - 0 - 0.
    assert float(energy_distance(tf.zeros((2, 1)), tf.ones((2, 1)))) == 2.0


def test_energy_distance_is_least_at_the_right_width_even_in_small_batches():
    """What the Wasserstein distance of sorted samples fails: see `energy_distance`."""
    rng = np.random.default_rng(0)
    first, second = rng.standard_t(3, (2, 2000, 32)).astype(np.float32)

    def value(width):
        return float(energy_distance(tf.constant(np.float32(width) * first.T), second.T))

    widths = np.linspace(0.8, 1.2, 17)
    best = widths[np.argmin([value(width) for width in widths])]
    assert best == pytest.approx(1.0, abs=0.026)
    assert value(1.0) == pytest.approx(0.0, abs=0.01)


def test_equal_images_score_about_nothing(data, model):
    """And the same images under wrong labels do not."""
    loss = data.loss(model)
    images, labels = data.images[:200], data.encoded[:200]
    assert abs(float(loss(images, labels, images, labels))) < 0.02
    assert abs(float(loss(images, labels, data.images[200:], data.encoded[200:]))) < 0.02
    assert float(loss(images, labels + 1.0, images, labels)) > 0.1


def test_residuals_that_are_too_small_are_wrong(data, monkeypatch):
    """Perfect labels on generated images score well for `zero` and badly for `distribution`."""
    labels = truth(data, "energy").astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.3, labels.shape).astype(np.float32)
    loss = data.loss(small_model(data.side, "energy"), weights={"energy": 1.0})
    # The images are the predictions.
    monkeypatch.setattr(loss, "_outputs", lambda output: {"energy": output})
    perfect, simulated = tf.constant(labels), tf.constant(labels + noise)
    assert float(loss(perfect, data.encoded, simulated, data.encoded)) > 0.1
    shuffled = tf.constant(labels + noise[::-1])
    assert abs(float(loss(shuffled, data.encoded, simulated, data.encoded))) < 0.02
    loss.match = "zero"
    assert float(loss(perfect, data.encoded)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("match", ["zero", "distribution"])
def test_gradients_reach_the_images_and_nothing_else(data, model, match):
    loss = data.loss(model, match=match)
    before = [weight.numpy().copy() for weight in model.weights]
    generated, simulated = data.images[:8] * 0.7, data.images[8:16]

    @tf.function
    def gradients(fake, real):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([fake, real])
            value = loss(fake, data.encoded[:8], real, data.encoded[8:16])
        return value, tape.gradient(value, fake), tape.gradient(value, real)

    value, on_fake, on_real = gradients(generated, simulated)
    assert value.shape == ()
    on_fake = on_fake.numpy()
    assert np.isfinite(on_fake).all()
    assert (np.abs(on_fake).sum(axis=(1, 2, 3)) > 0).all()
    assert np.abs(on_fake)[..., 0].sum() > 0 < np.abs(on_fake)[..., 1].sum()
    assert on_real is None
    assert model.trainable_variables == []
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, weight.numpy())


def test_one_model_per_task_equals_one_for_all(data, model):
    """Each with a mapper of its own; the outputs of one model are split into two here."""
    energy, direction = (
        keras.Model(model.input, {task: model.output[task]})
        for task in ("energy", "cameradirection")
    )
    together = data.loss(model, match="zero")
    apart = data.loss(
        {"energy": energy, "cameradirection": direction},
        {"energy": "ShiftingMapper", "cameradirection": "ShiftingMapper"},
        match="zero",
    )
    arguments = data.images[:16], data.encoded[:16]
    assert float(apart(*arguments)) == pytest.approx(float(together(*arguments)), rel=1e-5)
    side = math.isqrt(data.camera.mapping("BilinearMapper").shape[1])
    wide = small_model(side, "cameradirection")
    mixed = data.loss(
        {"energy": energy, "cameradirection": wide},
        {"energy": "ShiftingMapper", "cameradirection": "BilinearMapper"},
    )
    assert np.isfinite(float(mixed(*arguments, *arguments)))


def test_scores_of_the_type_need_no_label(data):
    model = small_model(data.side, "type")
    judge = CTLearnJudge(model, "ShiftingMapper", data.camera, data.intensity)
    assert judge.tasks == ("type",)
    loss = data.loss(model, weights={"type": 1.0})
    parts = slice(20), slice(20, 60)
    scores = [judge(data.images[part])["type"].numpy()[:, 1] for part in parts]
    batches = [values[part] for part in parts for values in (data.images, data.encoded)]
    assert float(loss(*batches)) == pytest.approx(brute_force_distance(*scores), abs=1e-5)
    with pytest.raises(UserError, match="'type' is not among the generator's labels"):
        data.loss(model, weights={"type": 1.0}, match="zero")


def test_models_that_do_not_fit_are_refused(data, model):
    with pytest.raises(UserError, match="reads images of shape"):
        data.loss(small_model(data.side + 1, "energy"), weights={"energy": 1.0})
    with pytest.raises(UserError, match="no output 'energy', it has cameradirection"):
        data.loss(small_model(data.side, "cameradirection"))
    with pytest.raises(ValueError, match="give `real`"):
        data.loss(model)(data.images[:4], data.encoded[:4])


def edited(source, target, change):
    """A copy of a Keras file whose configuration has been changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == "config.json" else content)
    return target


def test_a_training_folder_is_accepted_as_model(data, model, tmp_path):
    model.save(tmp_path / "ctlearn_model.keras")
    loaded = load_ctlearn_model(tmp_path)
    images = data.images[:4].numpy()
    np.testing.assert_array_equal(
        loaded.predict_on_batch(images)["energy"], model.predict_on_batch(images)["energy"]
    )
    assert loaded.trainable_variables == []


@pytest.mark.parametrize("name", ["ctlearn_model.cpk", "."])
def test_saved_models_of_keras_2_are_to_be_trained_anew(tmp_path, name):
    (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / name / "saved_model.pb").write_bytes(b"")
    for path in {tmp_path, tmp_path / name}:
        with pytest.raises(UserError, match=r"Keras 2, .* train it anew .* ctlearn_model\.keras"):
            load_ctlearn_model(path)


def test_no_code_comes_out_of_a_model(data, model, tmp_path):
    image = keras.Input((data.side, data.side, 2))
    shown = keras.layers.Lambda(lambda x: x * 2)(image)
    keras.Model(image, model(shown)).save(tmp_path / "lambda.keras")
    with pytest.raises(UserError, match=r"lambda\.keras holds Python code \(a Lambda layer\)"):
        load_ctlearn_model(tmp_path / "lambda.keras")
    mark = tmp_path / "was_here"

    def other_class(content):
        config = json.loads(content)
        config["config"]["layers"][1] |= {
            "module": "subprocess",
            "class_name": "Popen",
            "config": {"args": ["touch", str(mark)]},
        }
        return json.dumps(config)

    model.save(tmp_path / "good.keras")
    bad = edited(tmp_path / "good.keras", tmp_path / "bad.keras", other_class)
    with pytest.raises(UserError, match=r"bad\.keras is no loadable CTLearn model"):
        load_ctlearn_model(bad)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["model.h5", "folder", "other.keras"])
def test_what_is_no_model_is_said_in_one_sentence(tmp_path, name):
    if name == "folder":
        (tmp_path / name).mkdir()
    elif name == "model.h5":
        (tmp_path / name).write_bytes(b"\x89HDF")
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            file.writestr("readme", "")
    with pytest.raises(UserError, match=f"{name} is no (model of|loadable) CTLearn") as error:
        load_ctlearn_model(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_second_try_finds_its_folder_cleared(data, model, tmp_path, monkeypatch, capfd):
    """CTLearn refuses an existing folder. What is learnt is turned as the generator's images."""
    folder = tmp_path / "auxiliary"
    model.save(tmp_path / "trained.keras")
    script = tmp_path / "script.py"
    script.write_text(TRAINING)
    monkeypatch.setattr("ctlearn_gan_aug.training.auxiliary._TRAIN", (str(script),))
    config = run_config(weights=WEIGHTS, channels=["cleaned_image", "peak_time"])
    with pytest.raises(UserError, match=r"^auxiliary: no room is left\.$"):
        obtain_auxiliary(config, data.events, folder)
    said = capfd.readouterr().err
    assert "epoch 1" in said
    assert "no room" not in said  # once, by whom it ends
    assert obtain_auxiliary(config, data.events, folder) == folder / "ctlearn_model.keras"
    assert obtain_auxiliary(config, data.events, folder) == folder / "ctlearn_model.keras"
    assert len(list(tmp_path.glob("call*.yaml"))) == 2
    options = yaml.safe_load((tmp_path / "call1.yaml").read_text())
    assert options["DLImageReader"]["channels"] == ["cleaned_image", "peak_time"]
    assert options["gan_augment"] == {"symmetries": True}


#: Stands in for train-model, and fails after its first epoch when it is called first.
TRAINING = """
import shutil, sys
from pathlib import Path

here = Path(__file__).parent
number = len(list(here.glob("call*.yaml")))
given = dict(zip(sys.argv, sys.argv[1:]))
shutil.copy(given["--config"], here / f"call{number}.yaml")
folder = Path(given["--output"])
folder.mkdir()  # fails if it is there
shutil.copy(here / "trained.keras", folder / "ctlearn_model.keras")
print("epoch 1", file=sys.stderr)
if not number:
    sys.exit("Error: no room is left.")
"""


def run_config(**auxiliary):
    content = {"particle": "gamma", "training": {"steps": 1}, "auxiliary": auxiliary}
    return parse(TrainConfig, content)


def test_models_are_loaded_as_configured(data, model, tmp_path):
    model.save(tmp_path / "both.keras")
    arguments = data.events, data.labels, data.intensity, tmp_path / "trained"
    batch = (data.images[:8] * 0.8, data.encoded[:8], data.images[:8], data.encoded[:8])
    one = build_auxiliary(
        run_config(model=str(tmp_path / "both.keras"), weights=WEIGHTS), *arguments
    )
    two = build_auxiliary(
        run_config(model={task: str(tmp_path / "both.keras") for task in WEIGHTS}, weights=WEIGHTS),
        *arguments,
    )
    assert one.match == two.match == "zero"
    assert float(one(*batch)) == pytest.approx(float(two(*batch)), rel=1e-6)
    assert build_auxiliary(parse(TrainConfig, NO_AUXILIARY), *arguments) is None
    with pytest.raises(UserError, match=r"absent\.keras does not exist"):
        build_auxiliary(run_config(model=str(tmp_path / "absent.keras")), *arguments)
    with pytest.raises(UserError, match="'skydirection' is not among the generator's labels"):
        build_auxiliary(run_config(weights={"skydirection": 1.0}), *arguments)
    assert not (tmp_path / "trained").exists()  # found out before any training


NO_AUXILIARY = {"particle": "gamma", "training": {"steps": 1}}


@pytest.mark.parametrize(
    ("auxiliary", "expected"),
    [
        ({"model": {"energy": "a"}}, r"model and weights must name the same tasks \(energy, "),
        ({"mapper": {"energy": "A", "cameradirection": "B"}}, "one model reads images of one"),
        ({"weights": {"type": 1.0}}, "needs events of both classes"),
        ({"match": "width"}, "auxiliary.match"),
    ],
)
def test_senseless_sections_are_refused(auxiliary, expected):
    with pytest.raises(UserError, match=expected):
        run_config(**auxiliary)
