"""Configurations that are not what they seem end in one sentence, before anything is read."""

import json

import pytest
from click.testing import CliRunner
from traitlets.config import Config

from ctlearn_gan_aug.augment.block import check_json_file, read_block, read_yaml_file
from ctlearn_gan_aug.cli.main import cli
from ctlearn_gan_aug.config.augment import GanAugmentConfig
from ctlearn_gan_aug.config.auxiliary import MAPPERS
from ctlearn_gan_aug.config.base import dump_yaml, load_yaml, parse
from ctlearn_gan_aug.config.plain_yaml import read_yaml, write_yaml
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.config.values import MAX_SEED
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.units import quantity

GOOD = "particle: gamma\ntraining: {steps: 5}\n"


def loaded(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_yaml(path)


def refused_yaml(tmp_path, text):
    with pytest.raises(UserError) as error:
        loaded(tmp_path, text)
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 500
    return message.removeprefix(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1\ndata: {}\nseed: 2\n", "line 3: key 'seed' is given twice, first in line 1"),
        ("a:\n  b:\n    c: 1\n    d: 2\n    c: 3\n", "line 5: key 'c' is given twice, first in"),
        ("a: [{b: 1,\n b: 1}]", "line 2: key 'b' is given twice"),
        ("'a': 1\na: 2\n", "line 2: key 'a' is given twice"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: the tag !!python/object/apply"),
        ("a: !!binary aGFsbG8=", "the tag !!binary is not taken"),
        ("a:\n\tb: 1", "line 2: is not valid YAML (a tab, where only spaces may indent)"),
        ("", "is empty; it must hold 'key: value' lines"),
        ("# nothing but a comment\n", "is empty"),
        ("just words", "must hold 'key: value' lines, got str"),
        ("yes: 1", "key True is no name; put it in quotes"),
        ("a: 1\n---\na: 2\n", "another document"),
        (b"\x89HDF\r\n\x1a\n\x00\x00", "is not text in UTF-8"),
        ("a: tschüß".encode("latin-1"), "is not text in UTF-8"),
        ('a: "\\0"', "holds a character"),
        ('a: "\\ud800"', "holds a character"),
        ("a: &a [*a]", "an alias (*) stands inside of what it stands for"),
        ("a: " + "[" * 21 + "]" * 21, "nested more than 20 levels deep"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested more than 20 levels deep"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_yaml_that_is_no_configuration(tmp_path, text, words):
    assert words in refused_yaml(tmp_path, text)


def test_a_bomb_of_aliases_does_not_go_off(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "aliases (*) make more than" in refused_yaml(tmp_path, "\n".join(lines))


def test_anchors_and_merge_keys_work(tmp_path):
    text = "base: &base {a: 1, b: 2}\none: {<<: *base, b: 3}\ntwo: *base\n"
    content = loaded(tmp_path, text)
    assert content["one"] == {"a": 1, "b": 3}
    assert content["two"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 5e-4),  # YAML 1.1 takes it for text
        ("1E3", 1e3),
        ("-2.5e-1", -0.25),
        ("010", "010"),  # 8 in YAML 1.1
        ("1:30", "1:30"),  # 90 in YAML 1.1
        ("2026-01-01", "2026-01-01"),  # a date in YAML 1.1
        ("1_000", 1000),
        ("'5e-4'", "5e-4"),
    ],
)
def test_numbers_are_what_people_take_them_for(text, value):
    read = read_yaml(text, "c.yaml")
    assert read == value
    assert type(read) is type(value)
    assert read_yaml(write_yaml(read), "c.yaml") == value


SIZES = 10**12


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": {"steps": True}}, "training.steps: should be a valid integer (got True)"),
        ({"training": {"steps": 5.5}}, "training.steps: should be a valid integer"),
        ({"training": {"steps": "5"}}, "numbers have no quotes"),
        ({"training": {"steps": 0}}, "training.steps: should be greater than 0"),
        ({"training": {"steps": SIZES}}, "training.steps: should be less than or equal to"),
        ({"training": {"epochs": -1}}, "training.epochs: should be greater than 0"),
        ({"training": {"budget": 60}}, "training.budget: 60 has no unit: write for example '60 s'"),
        ({"training": {"budget": 60.0}}, "60.0 has no unit"),
        ({"training": {"budget": "2 fortnights"}}, "unknown unit 'fortnights'"),
        ({"training": {"budget": "2 H"}}, "cannot be converted to s"),
        ({"training": {"budget": "0 s"}}, "training.budget"),
        ({"training": {"budget": "-5 min"}}, "training.budget"),
        ({"training": {"budget": "1e400 s"}}, "not a finite quantity"),
        ({"training": {"steps": 1, "learning_rate": float("inf")}}, "finite number (got inf)"),
        ({"training": {"steps": 1, "learning_rate": float("nan")}}, "finite number (got nan)"),
        ({"training": {"steps": 1, "learning_rate": -1}}, "learning_rate: should be greater"),
        ({"training": {"steps": 1, "learning_rate": "1e-3"}}, "numbers have no quotes"),
        ({"training": {"steps": 1, "learning_rate": True}}, "valid number (got True)"),
        ({"training": {"steps": 1, "critic_learning_rate": 1e39}}, "critic_learning_rate"),
        ({"training": {"steps": 1, "betas": [0.0, 1.0]}}, "betas.1: should be less than 1"),
        ({"training": {"steps": 1, "betas": [-0.1, 0.9]}}, "betas.0: should be greater"),
        ({"training": {"steps": 1, "betas": [0.5]}}, "key 'training.betas.1' is missing"),
        ({"training": {"steps": 1, "optimizer": "sgd"}}, "training.optimizer: should be 'adam' or"),
        ({"training": {"steps": 1, "kernel_steps": [0.2]}}, "'training.kernel_steps.1' is missing"),
        ({"training": {"steps": 1, "kernel_steps": [0, 1]}}, "kernel_steps.0: should be greater"),
        (
            {"generator": {"conditioning": "none", "ellipse": True}},
            "an ellipse follows labels as conditioning: film does",
        ),
        ({"training": {"steps": 1, "gradient_clip": float("inf")}}, "gradient_clip"),
        ({"training": {"steps": 1, "batch_size": 0}}, "training.batch_size"),
        ({"training": {"steps": 1, "batch_size": SIZES}}, "training.batch_size"),
        ({"training": {"steps": 1, "checkpoint_every": 5.0}}, "checkpoint_every: 5.0 has no unit"),
        ({"training": None}, "training: must hold 'key: value' lines (got None)"),
        ({"seed": -1}, "seed: should be greater than or equal to 0"),
        ({"seed": MAX_SEED + 1}, f"seed: should be less than or equal to {MAX_SEED}"),
        ({"seed": 1.5}, "seed: should be a valid integer"),
        ({"labels": []}, "labels is empty"),
        ({"labels": ["energy", "energy"]}, "'energy' is given twice"),
        ({"labels": ["enrgy"]}, "'enrgy' is unknown; there are energy"),
        ({"labels": "energy"}, "labels: should be a valid list"),
        ({"particle": ""}, "particle: '' cannot name a particle"),
        ({"particle": "../gamma"}, "cannot name a particle"),
        ({"particle": "a/b"}, "cannot name a particle"),
        ({"particle": ".gamma"}, "cannot name a particle"),
        ({"particle": "gamma\n"}, "cannot name a particle"),
        ({"particle": False}, "particle: should be a valid string (got False); put it in quotes"),
        ({"particle": 0}, "put it in quotes"),
        ({"output": ""}, "output: is an empty path"),
        ({"output": 5}, "output: must be a path"),
        ({"output": "x" * 300}, "at most 255 bytes"),
        ({"data": {"files": [" "]}}, "data.files.0: is an empty path"),
        ({"data": {"files": "a.h5"}}, "data.files: should be a valid list"),
        ({"data": {"store": ""}}, "data.store: is an empty path"),
        ({"data": {"channels": ["image", "image"]}}, "channels must be [image] or [image, peak_t"),
        ({"data": {"max_events": 0}}, "data.max_events"),
        ({"data": {"tel_type": ""}}, "data.tel_type: is empty"),
        ({"data": {"validation_split": float("nan")}}, "data.validation_split"),
        ({"data": {"validation_split": 1}}, "data.validation_split"),
        ({"data": {"quality_criteria": [["a", "hillas_intensity >"]]}}, "is no expression"),
        ({"generator": {"channels": [16, 0]}}, "generator.channels.1: should be greater than 0"),
        ({"generator": {"channels": [16, -4]}}, "generator.channels.1"),
        ({"generator": {"channels": [16]}}, "generator.channels"),
        ({"generator": {"channels": []}}, "generator.channels"),
        ({"generator": {"latent": SIZES}}, "generator.latent: should be less than or equal to"),
        ({"generator": {"attention": "yes"}}, "generator.attention: should be a valid boolean"),
        ({"critic": {"dropout": float("nan")}}, "critic.dropout"),
        ({"critic": {"label_head": float("inf")}}, "critic.label_head"),
        ({"loss": {"weight": float("inf")}}, "loss.weight: should be a finite number"),
        ({"loss": {"clip": float("inf")}}, "loss.clip"),
        ({"warmup": {"learning_rate": float("inf")}}, "warmup.learning_rate"),
        ({"auxiliary": {"weights": {"energy": -1}}}, "auxiliary.weights.energy: should be great"),
        ({"auxiliary": {"weights": {"energy": 0}}}, "weights are all 0"),
        ({"auxiliary": {"weights": {}}}, "auxiliary.weights"),
        ({"auxiliary": {"channels": ["waveform"]}}, "auxiliary.channels.0"),
        ({"auxiliary": {"channels": []}}, "auxiliary.channels"),
        (
            {
                "auxiliary": {"channels": ["image", "cleaned_peak_time"]},
                "data": {"channels": ["image"]},
            },
            "images with peak_time, which data.channels does not have",
        ),
        ({"auxiliary": {"ctlearn": {"TrainCTLearnModel": 5}}}, "ctlearn.TrainCTLearnModel: must"),
        ({"auxiliary": {"ctlearn": {"A": {"x": float("nan")}}}}, "ctlearn.A.x: should be a finite"),
        ({"auxiliary": {"mapper": "ShiftMapper"}}, "mapper: there is no 'ShiftMapper'; choose"),
        ({"auxiliary": {"weights": {"skydirection": 1}}}, "'skydirection' is not among the gene"),
        ({"vicinity": {"labels": ["altitude"]}}, "vicinity.labels: 'altitude' is not among the"),
        ({"vicinity": {"sigma": float("inf")}}, "vicinity.sigma"),
        ({"vicinity": {"labels": ["energy", "energy"]}}, "'energy' is given twice"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_values_of_a_training_that_cannot_be(changes, words):
    content = {"particle": "gamma", "training": {"steps": 5}, **changes}
    with pytest.raises(UserError) as error:
        parse(TrainConfig, content, "c.yaml")
    message = str(error.value)
    assert words in message
    assert message.startswith("c.yaml: ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2 hours", 7200), ("1 hour", 3600), ("90 Minutes", 5400), ("3 days", 259200), ("5 secs", 5)],
)
def test_times_as_people_write_them(text, seconds):
    assert quantity(text, "s") == seconds


def test_a_unit_is_no_second_number():
    with pytest.raises(UserError, match="30 TeV"):
        quantity("3 30 TeV", "TeV")


def test_a_resolved_budget_keeps_its_unit():
    config = parse(TrainConfig, {"particle": "gamma", "training": {"budget": "1.5 h"}})
    written = dump_yaml(config)
    assert "budget: 5400.0 s" in written
    assert parse(TrainConfig, read_yaml(written, "c.yaml")) == config


def test_labels_that_data_do_not_tell(caplog):
    from astropy.table import Table

    table = Table({"telescope_pointing_altitude": [70.0, 70.0]})
    table["log_true_energy"], table["true_shower_primary_class"] = [0.1, 0.2], [1, 1]
    kept = LabelSet.fit(["energy", "altitude", "type"], table)
    assert kept.names == ("energy",)
    assert "tell nothing of altitude, type (constant" in caplog.text
    with pytest.raises(UserError, match="tell nothing of altitude"):
        LabelSet.fit(["altitude"], table)


def test_mappers_are_those_of_the_reader():
    from dl1_data_handler.image_mapper import ImageMapper

    # Older releases have fewer.
    assert set(MAPPERS) >= set(ImageMapper.non_abstract_subclasses())


BLOCK = {"generators": {"gamma": "g"}, "fraction": 0.25}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fraction": float("nan")}, "fraction: should be a finite number"),
        ({"fraction": "0.25"}, "numbers have no quotes"),
        ({"fraction": True}, "fraction: should be a valid number"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed: should be less than"),
        ({"seed": True}, "seed"),
        ({"regions": []}, "regions"),
        ({"generators": {"": "g"}}, "cannot name a particle"),
        ({"generators": {"gamma": ""}}, "generators.gamma: is an empty path"),
        ({"generators": {True: "g"}}, "put it in quotes"),
        ({"extrapolate": "no way"}, "extrapolate: should be a valid boolean"),
        ({"regions": [{"weight": 0}]}, "regions.0.weight"),
        ({"regions": [{"weight": float("inf")}]}, "regions.0.weight"),
        ({"regions": [{"energy": ["3 TeV", "3 TeV"]}]}, "reversed or empty range"),
        ({"regions": [{"energy": ["-1 TeV", "3 TeV"]}]}, "is no range between 1e-06 TeV and"),
        ({"regions": [{"energy": ["0 TeV", "3 TeV"]}]}, "is no range between"),
        ({"regions": [{"energy": [1, 3]}]}, "has no unit"),
        ({"regions": [{"energy": "1 TeV"}]}, "write two quantities, low and high"),
        ({"regions": [{"offset": ["-1 deg", "1 deg"]}]}, "is no range between 0 deg and"),
        ({"regions": [{"fov_lon": ["1 deg", "-1 deg"]}]}, "reversed or empty range"),
        ({"regions": [{"cam_coord_offset_x": ["1 m", "0 m"]}]}, "reversed or empty range"),
        ({"regions": [{"spectrum": {"index": float("nan")}}]}, "spectrum.index"),
        ({"regions": [{"spectrum": {"index": "-2"}}]}, "numbers have no quotes"),
        ({"regions": [{"spectrum": {"index": -200}}]}, "spectrum.index"),
        ({"regions": [{"spectrum": "index=inf"}]}, "finite number"),
        ({"regions": [{"spectrum": "index=two"}]}, "write index=-2"),
    ],
    ids=str,
)
def test_values_of_a_block_that_cannot_be(changes, words):
    with pytest.raises(UserError) as error:
        read_block(Config({"gan_augment": {**BLOCK, **changes}}), ["c.yaml"])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_block_reads_back():
    region = {"energy": ["3 TeV", "30 TeV"], "offset": ["0 deg", "1 deg"], "spectrum": "index=-2"}
    block = parse(GanAugmentConfig, {**BLOCK, "regions": [region]})
    assert parse(GanAugmentConfig, read_yaml(dump_yaml(block), "c.yaml")) == block
    assert block.regions[0].energy == (3.0, 30.0)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"TrainCTLearnModel": {"n_epochs": 1, "gan_augment": BLOCK}},
            "'gan_augment' stands inside of TrainCTLearnModel, where CTLearn ignores it; "
            "gan_augment belongs at the top level",
        ),
        ({"TrainCTLearnModel": {"optimizer": {"gan_augment": BLOCK}}}, "TrainCTLearnModel.optimi"),
        ({"DLImageReader": {"gan_augmnet": BLOCK}}, "stands inside of DLImageReader"),
        ({"DLImageReader": {"gan_augment": BLOCK}, "gan_augment": BLOCK}, "stands inside of"),
        ({"gan_augment": BLOCK, "gan_augmnet": BLOCK}, "unknown key 'gan_augmnet'"),
        ({"gan_augmentation": BLOCK}, "did you mean 'gan_augment'"),
        ({"augmentation": BLOCK}, "did you mean 'gan_augment'"),
        ({"gan": BLOCK}, "did you mean 'gan_augment'"),
    ],
)
def test_a_block_in_the_wrong_place(config, words):
    with pytest.raises(UserError) as error:
        read_block(Config(config), ["ctlearn.yaml"])
    assert words in str(error.value)
    assert str(error.value).startswith("ctlearn.yaml: ")


def test_sections_of_ctlearn_are_left_alone():
    config = {"TrainCTLearnModel": {"n_epochs": 1}, "ImageAugmentation": {"turn": True}}
    assert read_block(Config(config)) is None


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("c.yaml", "TrainCTLearnModel: {n_epochs: 1,\n n_epochs: 2}", "key 'n_epochs' is given tw"),
        ("c.yaml", "gan_augment: {seed: 1}\ngan_augment: {seed: 2}", "key 'gan_augment' is given"),
        ("c.yaml", "TrainCTLearnModel:\n", "TrainCTLearnModel: must hold 'key: value' lines"),
        ("c.json", '{"gan_augment": {}, "gan_augment": {}}', "key 'gan_augment' is given twice"),
        ("c.yml", "TrainCTLearnModel: {gan_augment: {}}", "stands inside of TrainCTLearnModel"),
    ],
)
def test_train_model_reads_its_files_strictly(tmp_path, monkeypatch, name, text, words):
    from augment_fakes import augmented_tool

    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text)
    options = ["--signal", str(tmp_path), "--output", "out", "--reco", "energy"]
    with pytest.raises(UserError) as error:
        augmented_tool().run(["--config", name, *options])
    assert words in str(error.value)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_ctlearn_gets_numbers_for_numbers(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("TrainCTLearnModel: {optimizer: {base_learning_rate: 1e-3}}")
    assert read_yaml_file(path)["TrainCTLearnModel"]["optimizer"]["base_learning_rate"] == 1e-3


def test_json_without_repetition_is_taken(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"a": {"x": 1}, "b": {"x": 1}}')
    check_json_file(path)


@pytest.mark.parametrize("seed", [-1, 2**32, "x"])
@pytest.mark.parametrize(
    "command",
    [
        ["train", "c.yaml"],
        ["export", "b", "--n-events", 5, "--output", "x"],
        ["preview", "b", "--output", "x"],
        ["evaluate", "b", "--test", "x", "--output", "x"],
        ["simulate", "--particle", "gamma", "--n-events", 5, "--output", "x"],
        ["demo", "--output", "x"],
    ],
    ids=lambda value: value[0],
)
def test_seeds_out_of_range_are_wrong_usage(command, seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, [*map(str, command), "--seed", str(seed)])
    assert result.exit_code == 2
    assert "--seed" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--energy", "-5 TeV"], ["--offset", "-1 deg"]])
def test_preview_outside_of_physics(options, tmp_path):
    result = CliRunner().invoke(cli, ["preview", "b", "--output", str(tmp_path / "x"), *options])
    assert isinstance(result.exception, UserError)
    assert "is no range between" in str(result.exception)


@pytest.mark.parametrize("option", ["--input", "--output"])
def test_an_empty_path_is_not_the_working_directory(option, tmp_path):
    (tmp_path / "c.yaml").write_text(GOOD)
    result = CliRunner().invoke(cli, ["train", str(tmp_path / "c.yaml"), option, "", "--dry-run"])
    assert "is an empty path" in str(result.exception)
