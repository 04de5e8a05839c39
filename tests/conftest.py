"""Shared toy files and a hardly trained bundle, made once per test session."""

import contextlib
import gc
import logging
import os
import shutil
import sys
from pathlib import Path

import absl.logging
import pytest
from astropy.utils import iers

iers.conf.auto_download = False
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow's log handler takes pytest's capture for a file of its own, and closes it with itself
# as soon as a ctapipe tool sets up logging.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real DL1 files; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no real DL1 files here")
    return SHARED


def _toy(folder: Path, particle: str, n_events: int, seed: int, **options) -> Path:
    from ctlearn_gan_aug.data.toy.simulate import simulate

    target = folder / f"{particle}_{seed}.dl1.h5"
    simulate(particle, n_events, seed, target, **options)
    return target


@pytest.fixture(scope="session")
def toy_gamma(tmp_path_factory) -> Path:
    """400 toy gammas."""
    return _toy(tmp_path_factory.mktemp("gamma"), "gamma", 400, 1)


@pytest.fixture(scope="session")
def toy_proton(tmp_path_factory) -> Path:
    """200 toy protons."""
    return _toy(tmp_path_factory.mktemp("proton"), "proton", 200, 1)


@pytest.fixture(scope="session")
def small_gamma(tmp_path_factory) -> Path:
    """400 toy gammas in a camera of 271 pixels, 19 x 19 cells."""
    return _toy(tmp_path_factory.mktemp("small"), "gamma", 400, 1, camera="hex271")


@pytest.fixture(scope="session")
def toy_v6(tmp_path_factory, toy_gamma) -> Path:
    """The same toy gammas as a file of data model v6.0.0."""
    from dl1_copies import rewrite_as_v6

    return rewrite_as_v6(toy_gamma, tmp_path_factory.mktemp("v6") / "gamma_v6.dl1.h5")


@pytest.fixture(scope="session", params=["v7", "v6"])
def toy_of_each_model(request, toy_gamma) -> Path:
    """The toy gammas of each data model in turn."""
    return toy_gamma if request.param == "v7" else request.getfixturevalue("toy_v6")


@pytest.fixture(scope="module", autouse=True)
def _garbage_is_not_looked_for_in_what_stays():
    """TensorFlow keeps every graph; a search through those of all earlier modules takes seconds.

    Hypothesis has one for every example, and Keras whenever it clears its session.
    """
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _small_sample_figures():
    """Runs end with a figure of two events; drawing eight takes a sixth of a short run's time."""
    from ctlearn_gan_aug.training import samples

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "_N_SAMPLES", 2)
        yield


@pytest.fixture(scope="session")
def _few_events_to_look_at():
    """What a run looks at beside its steps takes longer than so few steps do.

    For those who train alone: it needs TensorFlow.
    """
    from ctlearn_gan_aug.training import calibration, reading

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "_MAX_EVENTS", 100)
        patch.setattr(reading, "_N_CLEANED", 100)
        yield


@pytest.fixture(scope="session")
def tiny_config(_few_events_to_look_at):
    """Factory of small training configurations."""
    from ctlearn_gan_aug.config.base import parse
    from ctlearn_gan_aug.config.train import TrainConfig

    def make(output, files, **sections):
        content = {
            "particle": "gamma",
            "data": {"files": [str(f) for f in files]},
            "generator": {"channels": [16, 16, 12, 4], "latent": 8, "embedding": 16},
            "critic": {"channels": [8, 12, 16, 16]},
            "training": {"steps": 3, "batch_size": 8},
            "warmup": {"rise": 0},  # so few steps at rising rates would change nothing
            "output": str(output),
        }
        for name, value in sections.items():
            content[name] = {**content.get(name, {}), **value} if isinstance(value, dict) else value
        return parse(TrainConfig, content)

    return make


@pytest.fixture(scope="session")
def light_config(tiny_config):
    """The same with networks that are built in half the time, where it is not they that matter."""

    def make(output, files, **sections):
        dcgan = {"architecture": "dcgan", "channels": [8, 8, 8]}
        return tiny_config(output, files, **{"generator": dcgan, "critic": dcgan, **sections})

    return make


@contextlib.contextmanager
def _not_compiled():
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@pytest.fixture(scope="module")
def uncompiled():
    """Steps of trainings as Python calls them.

    Runs of a few steps spend most of their time on compilation otherwise. That compiled steps have
    the same losses is for `test_training_parts` to show.
    """
    with _not_compiled():
        yield


@pytest.fixture
def uncompiled_here():
    """The same for one test in a module of longer runs."""
    with _not_compiled():
        yield


@pytest.fixture
def compiled(uncompiled):
    """Compiled steps again, for a test of many."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
    yield
    tf.config.run_functions_eagerly(True)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory, toy_gamma, tiny_config) -> Path:
    """A bundle after three steps: its images are noise, its plumbing is real."""
    from ctlearn_gan_aug.training.run import train

    with _not_compiled():
        return train(tiny_config(tmp_path_factory.mktemp("run") / "gamma", [toy_gamma]))


@pytest.fixture(scope="session")
def tiny_v6_bundle(tmp_path_factory, tiny_bundle, toy_v6) -> Path:
    """The same bundle as if its training files had been of data model v6.0.0."""
    from ctlearn_gan_aug.dl1.skeleton import make_skeleton

    bundle = tmp_path_factory.mktemp("v6_run") / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    make_skeleton(toy_v6, bundle / "skeleton.h5")
    return bundle


@pytest.fixture(autouse=True)
def _messages_reach_pytest():
    """Commands send the package's messages to a handler of their own, past pytest's.

    Commands in fixtures of a wider scope, too, which have run before this one.
    """
    own = logging.getLogger("ctlearn_gan_aug")
    own.handlers[:], own.propagate = [], True
    own.setLevel(logging.NOTSET)
