"""Keys of the block that change which images are made, from the YAML to a batch."""

import numpy as np
import pytest
from augment_fakes import make_untrained_bundle
from test_augment_simulated import NO_CUT, set_up

from ctlearn_gan_aug.augment.summary import result_lines
from ctlearn_gan_aug.data.toy.simulate import simulate
from ctlearn_gan_aug.errors import UserError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder gamma/ with a file of a small camera."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "gamma").mkdir()
    simulate("gamma", 200, 1, folder / "gamma" / "gamma.dl1.h5", camera="hex271")
    return folder


@pytest.fixture(scope="module")
def generators(data, tmp_path_factory):
    """An untrained generator with its critic, by particle."""
    target = tmp_path_factory.mktemp("generator") / "bundle"
    file = data / "gamma" / "gamma.dl1.h5"
    return {"gamma": str(make_untrained_bundle(file, target, with_critic=True))}


@pytest.fixture
def tool(data, generators, tmp_path, monkeypatch):
    """Makes a tool that is ready to train with a block of these keys."""
    monkeypatch.chdir(tmp_path)

    def make(**keys):
        block = {"generators": generators, "fraction": 0.5, **keys}
        return set_up(tmp_path, data, block, **NO_CUT)

    return make


def energies_of(tool) -> np.ndarray:
    """log10 TeV of an epoch's images."""
    batches = tool.training_loader.as_numpy_iterator()
    return np.concatenate([labels["energy"] for _, labels in batches])


#: Beyond all training events.
FAR = {"energy": ["1000 TeV", "5000 TeV"], "spectrum": "uniform"}


def test_a_region_outside_the_training_domain_is_refused(tool):
    with pytest.raises(UserError, match="energy leaves the training domain"):
        tool(regions=[FAR])


def test_extrapolate_allows_it(tool):
    assert np.mean(energies_of(tool(regions=[FAR], extrapolate=True)) >= 3) == 0.5


def test_reject_chooses_among_as_many_images(tool):
    choosing = tool(reject={"candidates": 3})
    energies_of(choosing)
    said = " ".join(result_lines(choosing._mixed, choosing._source))
    assert "each image was chosen among 3" in said


def test_reservoir_lies_in_the_folder_that_is_named(tool, tmp_path):
    folder = tmp_path / "elsewhere"
    tool(mode="reservoir", reservoir={"images": 100, "folder": str(folder)})
    assert len(list(folder.glob("reservoir-*/part-*"))) == 1
    assert not list(tmp_path.glob("ctlearn_gan_store/reservoir-*"))
