"""Whatever stands in a configuration: it is refused in one sentence, or it works as printed."""

import copy

import keras
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctlearn_gan_aug.cli.main import cli
from ctlearn_gan_aug.config.augment import GanAugmentConfig
from ctlearn_gan_aug.config.base import dump_yaml, load_yaml, parse
from ctlearn_gan_aug.config.plain_yaml import read_yaml, write_yaml
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.labels import LABEL_COLUMNS

#: What people and their editors write, right in one place and wrong in most.
WORDS = (
    "yes", "no", "auto", "none", "", " ", ".", "..", "~", "gamma", "../x", "1e5", "5e-4", "010",
    "60 min", "2 hours", "-1 s", "1e400 s", "3 TeV", "30 deg", "nan", ".inf", "a > 1", "a >",
    "a\nb", "1:30", "2026-01-01", "é", "x" * 300, "energy", "type", "zero", "hard", "soft",
    "residual", "dcgan", "concat", "film", "projection", "wasserstein", "hinge", "clip",
    "gradient_penalty", "adaptive", "ShiftingMapper", "runs/x", "index=-2", "uniform", "index=nan",
)  # fmt: skip
NUMBERS = (0, 1, 2, 4, 8, -1, 0.5, 1.0, 0.999, 1e-3, 1e39, -0.0, 5e-324, 2**31, 2**32, 10**30)
LISTS = (
    [], [[]], ["a"], [["a"]], [["a", "a > 1"]], [["a", "a > 1", "b"]], ["energy"], ["energy"] * 2,
    ["image"], [0.5], [0.5, 0.9], [0.5, 0.9, 0.9], [8], [8, 8], [16, 8, 4], [None], [True, False],
    ["1 TeV", "2 TeV"], ["0 deg", "1 deg"], ["2 TeV", "1 TeV"], ["1 TeV"], list(LABEL_COLUMNS),
)  # fmt: skip
DICTS = ({}, {"energy": 1}, {"gamma": "g"}, {"index": -2}, {1: 2}, {None: 1}, {"a": {"b": [None]}})
SCALARS = st.one_of(
    st.none(), st.booleans(), st.sampled_from(WORDS), st.sampled_from(NUMBERS),
    st.integers(), st.floats(), st.text(max_size=8),
)  # fmt: skip
VALUES = st.one_of(
    SCALARS,
    st.sampled_from(LISTS),
    st.lists(SCALARS, max_size=4),
    st.dictionaries(st.one_of(st.sampled_from(WORDS), SCALARS), SCALARS, max_size=3),
    st.lists(st.lists(SCALARS, max_size=2), max_size=2),
)
QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def places(model, above=()):
    """Paths to all keys of a configuration, sections included."""
    found = []
    for name, field in model.model_fields.items():
        found.append((*above, name))
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if hasattr(part, "model_fields"):
                found += places(part, (*above, name))
    return found


def with_changes(base, changes):
    """The base with values at some paths, as far as there are sections to hold them."""
    content = copy.deepcopy(base)
    for path, value in changes:
        section = content
        for key in path[:-1]:
            section = section.setdefault(key, {})
            if not isinstance(section, dict):
                break
        else:
            section[path[-1]] = value
    return content


def changed(base, keys):
    """Strategy: the base with a few values of others' kinds, or keys of no one's."""
    path = st.one_of(st.sampled_from(keys), st.tuples(st.text(max_size=5)))
    return st.lists(st.tuples(path, VALUES), min_size=1, max_size=3).map(
        lambda changes: with_changes(base, changes)
    )


TRAINING = {"particle": "gamma", "training": {"steps": 3}}
MIXING = {"generators": {"gamma": "g", "proton": "p"}, "fraction": 0.25}
REGION = {"particle": "gamma", "energy": ["1 TeV", "3 TeV"]}
TRAININGS = changed(TRAINING, places(TrainConfig))


def one_sentence(message, source):
    return str(source) in message and "\n" not in message and len(message) < 1200


def dry_run(content, path):
    """The printed configuration, or None if it was refused in one sentence."""
    path.write_text(yaml.safe_dump(content))
    result = CliRunner().invoke(cli, ["train", str(path), "--dry-run"])
    if result.exit_code == 0:
        return result.output
    assert isinstance(result.exception, UserError), result.exception
    assert one_sentence(str(result.exception), path)
    return None


@QUICK
@given(TRAININGS)
def test_dry_run_prints_what_reads_back_or_refuses(tmp_path, content):
    printed = dry_run(content, tmp_path / "c.yaml")
    if printed is not None:
        config = parse(TrainConfig, load_yaml(tmp_path / "c.yaml"))
        assert parse(TrainConfig, read_yaml(printed, "printed")) == config
        (tmp_path / "d.yaml").write_text(printed)
        assert CliRunner().invoke(cli, ["train", str(tmp_path / "d.yaml"), "--dry-run"]).output == (
            printed
        )


@QUICK
@given(changed(MIXING, places(GanAugmentConfig)), st.none() | changed(REGION, places(Region)))
def test_a_block_reads_back_or_is_refused(content, region):
    content = content if region is None else {**content, "regions": [region]}
    try:
        block = parse(GanAugmentConfig, content, "c.yaml: gan_augment")
    except UserError as error:
        assert one_sentence(str(error), "c.yaml: gan_augment")
        return
    assert parse(GanAugmentConfig, read_yaml(dump_yaml(block), "printed")) == block
    assert all(region.describe() for region in block.complete_regions())


@QUICK
@given(
    st.text(alphabet="ab:-[]{}&*!<>|#'\"\n\t ?,%@1.e_\\u0x", max_size=60) | st.binary(max_size=40)
)
def test_any_text_is_read_or_refused(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        content = load_yaml(path)
    except UserError as error:
        assert one_sentence(str(error), path)
        return
    assert read_yaml(write_yaml(content), "written") == content or "nan" in str(content)


@pytest.mark.parametrize(
    ("model", "base"),
    [(TrainConfig, TRAINING), (GanAugmentConfig, MIXING), (Region, REGION)],
    ids=["train", "block", "region"],
)
def test_every_value_in_every_place(model, base):
    n_accepted = 0
    for path in places(model):
        for value in (*WORDS, *NUMBERS, *LISTS, *DICTS, None, True, False, np.inf, np.nan):
            content = with_changes(base, [(path, value)])
            try:
                found = parse(model, content, "c.yaml")
            except UserError as error:
                assert one_sentence(str(error), "c.yaml"), (path, value)
                continue
            n_accepted += 1
            assert parse(model, read_yaml(dump_yaml(found), "printed")) == found, (path, value)
    assert n_accepted > len(places(model))


@pytest.fixture(scope="module")
def camera():
    from ctlearn_gan_aug.camera import Camera
    from ctlearn_gan_aug.data.toy.telescope import TEL_ID, toy_subarray

    return Camera.from_subarray(toy_subarray(), TEL_ID)


WIDTHS = st.lists(st.integers(1, 12), min_size=2, max_size=8)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.lists(st.sampled_from(list(LABEL_COLUMNS)), min_size=1, unique=True),
        "generator": st.fixed_dictionaries(
            {"channels": WIDTHS, "latent": st.integers(1, 8), "embedding": st.integers(1, 8)},
            optional={
                "architecture": st.sampled_from(["residual", "dcgan"]),
                "conditioning": st.sampled_from(["film", "concat", "none", None]),
                "trunk": st.integers(1, 4),
                "upsampling": st.sampled_from(["nearest", "transposed"]),
                "spectral_norm": st.booleans(),
                "attention": st.booleans(),
            },
        ),
        "critic": st.fixed_dictionaries(
            {"channels": WIDTHS},
            optional={
                "architecture": st.sampled_from(["residual", "dcgan"]),
                "conditioning": st.sampled_from(["none", "concat", "projection"]),
                "label_maps": st.booleans(),
                "moments": st.booleans(),
                "normalization": st.sampled_from(["batch", "none"]),
                "dropout": st.sampled_from([0, 0.5]),
                "attention": st.booleans(),
                "minibatch_std": st.booleans(),
                "label_head": st.sampled_from([0, 1]),
            },
        ),
        "data": st.sampled_from([{}, {"channels": ["image"]}]),
    },
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(PARTS)
def test_networks_of_an_accepted_configuration_can_be_built(camera, tmp_path, parts):
    small = {"generator": {"channels": [8, 4], "embedding": 8}, "critic": {"channels": [4, 8]}}
    printed = dry_run({**TRAINING, **small, **parts}, tmp_path / "c.yaml")
    if printed is None:
        return
    config = parse(TrainConfig, read_yaml(printed, "printed"))
    try:
        generator, critic = networks(config, camera)
    except UserError as error:
        assert one_sentence(str(error), "")
        return
    assert generator.output_shape[1:] == critic.inputs[0].shape[1:]
    assert critic.count_params() > 0


def networks(config, camera):
    """The networks of a run on this camera."""
    from ctlearn_gan_aug.bundle import new_generator
    from ctlearn_gan_aug.intensity import IntensityTransform
    from ctlearn_gan_aug.labels import LabelSet
    from ctlearn_gan_aug.models.critic import build_critic
    from ctlearn_gan_aug.models.maps import LabelMaps

    keras.backend.clear_session()
    columns = tuple(column for name in config.labels for column, _ in LABEL_COLUMNS[name])
    zeros, ones = np.zeros(len(columns)), np.ones(len(columns))
    labels = LabelSet(tuple(config.labels), columns, zeros, ones, -ones, ones)
    channels = tuple(config.data.channels)
    intensity = IntensityTransform(channels, 10.0, (-5.0, 1e4), time_limits=(-20.0, 20.0))
    sizes = LabelMaps(camera, labels).sizes
    critic = build_critic(config.critic, camera.grid_side, sizes, len(channels), labels.size)
    return new_generator(config.generator, camera, labels, intensity), critic
