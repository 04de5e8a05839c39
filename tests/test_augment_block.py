"""The gan_augment block: read from CTLearn's configuration, or refused in one sentence."""

import pytest
from traitlets.config import Config

from ctlearn_gan_aug.augment.block import read_block
from ctlearn_gan_aug.errors import UserError

GOOD = {"generators": {"gamma": "g", "proton": "p"}, "fraction": 0.25}


def read(**changes):
    return read_block(Config({"gan_augment": {**GOOD, **changes}}), ["ctlearn.yaml"])


def test_no_block_is_none():
    assert read_block(Config({"TrainCTLearnModel": {"n_epochs": 2}})) is None


def test_example_of_the_design():
    region = {
        "particle": "gamma",
        "energy": ["3 TeV", "30 TeV"],
        "offset": ["0 deg", "1.5 deg"],
        "spectrum": {"index": -2},
        "weight": 2,
    }
    block = read(seed=1, regions=[region])
    (region,) = block.complete_regions()
    assert region.energy == (3.0, 30.0)
    assert region.weight == 2
    assert region.spectrum.index == -2


@pytest.mark.parametrize("suffix", ["yaml", "json", "py"])
def test_every_configuration_format_of_ctapipe(suffix, tmp_path):
    from ctlearn.tools.train_model import TrainCTLearnModel

    text = {
        "yaml": "gan_augment: {generators: {gamma: g}, fraction: 0.25}",
        "json": '{"gan_augment": {"generators": {"gamma": "g"}, "fraction": 0.25}}',
        "py": "c = get_config()\nc.gan_augment = {'generators': {'gamma': 'g'}, 'fraction': 0.25}",
    }
    path = tmp_path / f"ctlearn.{suffix}"
    path.write_text(text[suffix])
    tool = TrainCTLearnModel()
    tool.load_config_file(path)
    assert read_block(tool.config, [path]).fraction == 0.25


def test_default_regions_are_one_per_generator():
    assert [region.particle for region in read().complete_regions()] == ["gamma", "proton"]


def test_single_generator_fills_in_the_particle():
    block = read(generators={"gamma": "g"}, regions=[{"energy": ["1 TeV", "2 TeV"]}])
    assert block.complete_regions()[0].particle == "gamma"


def test_later_configuration_file_wins():
    config = Config({"gan_augment": dict(GOOD)})
    config.merge(Config({"gan_augment": {**GOOD, "fraction": 0.5}}))
    assert read_block(config).fraction == 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fractoin": 0.1}, "did you mean 'fraction'"),
        ({"fraction": 1.0}, "fraction"),
        ({"fraction": -0.1}, "fraction"),
        ({"fraction": "abc"}, "fraction"),
        ({"generators": {}}, "generators"),
        ({"regions": [{"energy": ["1 TeV", "2 TeV"]}]}, "region 1 must name its particle"),
        ({"regions": [{"particle": "iron"}]}, "only gamma, proton"),
        ({"regions": [{"particle": "gamma", "energy": ["3 TEV", "30 TeV"]}]}, "TEV"),
        ({"regions": [{"particle": "gamma", "energy": ["30 TeV", "3 TeV"]}]}, "reversed"),
        ({"regions": [{"particle": "gamma", "enegry": ["1 TeV", "3 TeV"]}]}, "mean 'energy'"),
    ],
)
def test_mistakes_are_one_sentence(changes, words):
    with pytest.raises(UserError) as error:
        read(**changes)
    message = str(error.value)
    assert words in message
    assert message.startswith("ctlearn.yaml: gan_augment")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["gan_augmnet", "gan-augment", "GAN_augment"])
def test_misspelt_block_is_not_silently_ignored(name):
    with pytest.raises(UserError, match="did you mean 'gan_augment'"):
        read_block({name: GOOD})


def test_empty_block_says_what_it_needs():
    with pytest.raises(UserError, match="generators"):
        read_block({"gan_augment": None})
