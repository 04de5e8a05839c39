"""Every Keras backend makes the same images, and needs neither TensorFlow nor CTLearn for it.

`make test-backends` runs this file with each backend, in environments of their own. The first run,
TensorFlow's, leaves its images in the folder BACKEND_IMAGES, to which the others compare theirs.
"""

import os
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from augment_fakes import make_untrained_bundle
from click.testing import CliRunner

from ctlearn_gan_aug.bundle import load_bundle, new_generator, save_bundle
from ctlearn_gan_aug.config.networks import GeneratorConfig
from ctlearn_gan_aug.config.region import Region
from ctlearn_gan_aug.config.train import TrainConfig
from ctlearn_gan_aug.labels import LabelSet
from ctlearn_gan_aug.sampling.batches import GeneratedBatches
from ctlearn_gan_aug.sampling.generate import Sampler

BACKEND = keras.backend.backend()
IMAGES = os.environ.get("BACKEND_IMAGES")
#: Not needed by any backend but TensorFlow's own.
TRAINING_STACK = {"tensorflow", "ctlearn"}
GENERATORS = {
    "default": {},
    "dcgan": {"architecture": "dcgan", "channels": [48, 32, 16]},
    "attention": {"channels": [16, 12, 8, 4], "attention": True, "spectral_norm": True},
}
N_IMAGES = 40


def set_random_weights(model: keras.Model) -> None:
    """The same weights on every backend, as large as after a training."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        weights = (
            rng.normal(0, 0.7 / np.sqrt(max(np.prod(w.shape[:-1]), 1)), w.shape)
            for w in layer.get_weights()
        )
        layer.set_weights(list(weights))
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(rng.uniform(0.3, 3.0, layer.moving_variance.shape))


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, toy_gamma) -> dict:
    """A bundle of every architecture, loaded from disk."""
    folder = tmp_path_factory.mktemp("bundles")
    base = load_bundle(make_untrained_bundle(toy_gamma, folder / "base"))
    labels = LabelSet.fit(TrainConfig.model_fields["labels"].default, base.label_table)
    for name, options in GENERATORS.items():
        config = GeneratorConfig(**options)
        model = new_generator(config, base.camera, labels, base.intensity)
        set_random_weights(model)
        changes = {"labels": labels.to_dict(), "generator": config}
        meta = base.meta.model_copy(update=changes)
        save_bundle(folder / name, meta, model, base.label_table, toy_gamma)
    return {name: load_bundle(folder / name) for name in GENERATORS}


@pytest.mark.skipif(IMAGES is None, reason="make test-backends compares the backends")
@pytest.mark.parametrize("name", GENERATORS)
def test_same_images_as_tensorflow(bundles, name):
    bundle, reference = bundles[name], Path(IMAGES) / f"{name}.npy"
    sampler = Sampler(bundle, seed=3, batch_size=16, precision="float32")
    found = sampler.generate(bundle.label_table[:N_IMAGES])
    if BACKEND == "tensorflow":
        np.save(reference, found)
    expected = np.load(reference)
    off = np.abs(found - expected)
    # Rounding of network units is multiplied by the charge where the transform is logarithmic.
    charge_scale = np.maximum(bundle.intensity.charge_scale, np.abs(expected[..., 0]))
    assert (off[..., 0] / charge_scale).max() < 1e-5
    # Rounding decides whether a pixel on the edge of the gate has its own time or the night sky's.
    late = off[..., 1] > 1e-4 * bundle.intensity.time_scale
    assert late.mean() < 1e-4
    print(f"{name}: charges differ by {(off[..., 0] / charge_scale).max():.1e}, {late.sum()} times")


def test_images_show_something(bundles):
    """Equal images prove little if they are dark."""
    sampler = Sampler(bundles["default"], seed=3, precision="float32")
    images = sampler.generate(bundles["default"].label_table[:10])
    assert np.isfinite(images).all()
    assert images[..., 0].std() > 1.0
    assert images[..., 1].std() > 0.1


def test_batches_are_functions_of_their_number(bundles):
    batches = GeneratedBatches(bundles["dcgan"], 8, Region(energy=("0.3 TeV", "3 TeV")), seed=5)
    images, labels = batches[3]
    assert images.shape == (8, bundles["dcgan"].camera.n_pixels, 2)
    assert ((labels["true_energy"] > 0.29) & (labels["true_energy"] < 3.1)).all()
    assert not np.array_equal(batches[2][0], images)
    again = GeneratedBatches(bundles["dcgan"], 8, Region(energy=("0.3 TeV", "3 TeV")), seed=5)[3]
    np.testing.assert_array_equal(again[0], images)
    np.testing.assert_array_equal(again[1]["fov_lon"], labels["fov_lon"])


def test_tf_data_gives_the_batches(bundles):
    pytest.importorskip("tensorflow")
    from ctlearn_gan_aug.sampling.tfdata import as_dataset

    batches = GeneratedBatches(bundles["dcgan"], 4, seed=1)
    dataset = as_dataset(batches, 3)
    assert int(dataset.cardinality()) == 3
    for number, (images, labels) in enumerate(dataset.as_numpy_iterator()):
        np.testing.assert_array_equal(images, batches[number][0])
        np.testing.assert_array_equal(labels["true_energy"], batches[number][1]["true_energy"])


@pytest.mark.parametrize("n_workers", [0, 2])
def test_torch_gives_the_batches(bundles, n_workers):
    torch_data = pytest.importorskip("torch.utils.data")
    if BACKEND != "torch":
        pytest.skip("workers of PyTorch fork, which other backends do not survive")
    from ctlearn_gan_aug.sampling.torch import GeneratedImages

    batches = GeneratedBatches(bundles["dcgan"], 4, seed=1)
    loader = torch_data.DataLoader(
        GeneratedImages(batches, 5), batch_size=None, num_workers=n_workers
    )
    found = {float(labels["true_energy"][0]): images for images, labels in loader}
    expected = {
        float(labels["true_energy"][0]): images
        for images, labels in map(batches.__getitem__, range(5))
    }
    assert found.keys() == expected.keys()
    for key, images in expected.items():
        np.testing.assert_allclose(found[key].numpy(), images, rtol=1e-5, atol=1e-5)


def test_export_by_command_line(bundles, tmp_path):
    from ctapipe.io import TableLoader

    from ctlearn_gan_aug.cli.export import command

    target = tmp_path / "synthetic.dl1.h5"
    arguments = [str(bundles["dcgan"].path), "--n-events", "12", "--output", str(target)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with TableLoader(target) as loader:
        assert len(loader.read_telescope_events(dl1_images=True, simulated=True)) == 12


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow is the backend")
def test_training_stack_is_not_needed(bundles):
    """Here, and in everything above."""
    Sampler(bundles["dcgan"]).generate(bundles["dcgan"].label_table[:2])
    assert TRAINING_STACK & set(sys.modules) == set()
