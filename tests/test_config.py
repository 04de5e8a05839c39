"""Users write quantities and keys; mistakes end in one sentence that helps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlearn_gan_aug.config.base import load_yaml, parse
from ctlearn_gan_aug.config.region import Region, Spectrum
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.units import interval, quantity

finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(finite)
def test_quantity_reads_back_what_is_written(value):
    assert quantity(f"{value!r} TeV", "TeV") == pytest.approx(value)
    assert quantity(f"{value!r} GeV", "TeV") == pytest.approx(value / 1000)


@given(st.text(max_size=20))
def test_quantity_never_fails_otherwise_than_by_user_error(text):
    try:
        quantity(text, "deg")
    except UserError as error:
        assert "\n\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 TEV", "did you mean '3 TeV'"),
        ("abc", "is not a quantity"),
        ("3", "has no unit"),
        ("3 deg", "cannot be converted to TeV"),
        ("", "is not a quantity"),
    ],
)
def test_quantity_explains(text, expected):
    with pytest.raises(UserError, match=expected):
        quantity(text, "TeV")


def test_reversed_interval_is_refused():
    assert interval(["500 GeV", "3 TeV"], "TeV") == (0.5, 3.0)
    with pytest.raises(UserError, match="reversed"):
        interval(["3 TeV", "1 TeV"], "TeV")


def test_unknown_key_names_the_nearest():
    with pytest.raises(UserError, match=r"x.yaml: unknown key 'enrgy'; did you mean 'energy'"):
        parse(Region, {"enrgy": ["1 TeV", "2 TeV"]}, "x.yaml")
    content = {"particle": "gamma", "training": {"steps": 1, "bach_size": 2}}
    with pytest.raises(UserError, match=r"'training.bach_size'; did you mean 'batch_size'"):
        parse(TrainConfig, content)
    with pytest.raises(UserError, match=r"'auxiliary.maper'; did you mean 'mapper'"):
        parse(TrainConfig, {"particle": "g", "training": {"steps": 1}, "auxiliary": {"maper": "x"}})


def test_length_of_a_run_is_given_once():
    with pytest.raises(UserError, match="exactly one of steps, epochs and budget"):
        parse(TrainConfig, {"particle": "gamma", "training": {"steps": 1, "budget": "1 min"}})
    config = parse(TrainConfig, {"particle": "gamma", "training": {"budget": "2 min"}})
    assert config.training.budget == 120.0


@pytest.mark.parametrize(
    "loss",
    [
        {"adversarial": "wasserstein", "label_smoothing": 0.1},
        {"adversarial": "wasserstein", "regularizer": "none"},
    ],
)
def test_senseless_losses_are_refused(loss):
    with pytest.raises(UserError, match="loss"):
        parse(TrainConfig, {"particle": "gamma", "training": {"steps": 1}, "loss": loss})


def test_resolved_configuration_reads_back():
    config = parse(TrainConfig, {"particle": "gamma", "training": {"steps": 5}})
    again = parse(TrainConfig, config.model_dump(mode="json"))
    assert again == config


@pytest.mark.parametrize(
    ("spelling", "kind", "index"),
    [
        ({"index": -2}, "powerlaw", -2.0),
        ("index=-2.6", "powerlaw", -2.6),
        ("empirical", "empirical", None),
        ("uniform", "uniform", None),
    ],
)
def test_spectrum_spellings(spelling, kind, index):
    spectrum = parse(Region, {"spectrum": spelling}).spectrum
    assert (spectrum.kind, spectrum.index) == (kind, index)
    assert parse(Spectrum, spectrum.model_dump()) == spectrum


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: [", "not valid YAML"),
        ("- 1\n- 2\n", "must hold 'key: value'"),
    ],
)
def test_bad_yaml(tmp_path, content, expected):
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=expected):
        load_yaml(path)
    with pytest.raises(UserError, match="no such file"):
        load_yaml(tmp_path / "absent.yaml")
