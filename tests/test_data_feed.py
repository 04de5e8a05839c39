"""Batches from a store against those of CTLearn's own loader, for the same events."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
from dl1_data_handler import image_mapper

from ctlearn_gan_aug.data.feed import StoreFeed
from ctlearn_gan_aug.data.store import open_store

HEXAGONAL = [
    "ShiftingMapper",
    "AxialMapper",
    "OversamplingMapper",
    "NearestNeighborMapper",
    "BilinearMapper",
]
if hasattr(image_mapper, "HexagdlyMapper"):  # since dl1-data-handler 0.14.10
    HEXAGONAL.append("HexagdlyMapper")
CHANNELS = [
    ["image"],
    ["image", "peak_time"],
    ["cleaned_image", "cleaned_peak_time", "image"],
    ["image", "relative_peak_time", "cleaned_relative_peak_time", "peak_time"],
]
TASK_SETS = [
    ["type"],
    ["energy"],
    ["cameradirection"],
    ["skydirection"],
    ["energy", "cameradirection", "skydirection"],
    ["type", "energy"],
]
BATCH = 8


def make_reader(signal, background=(), *, mapper="ShiftingMapper", channels=CHANNELS[1], **options):
    from dl1_data_handler.reader import DLImageReader
    from traitlets.config import Config

    config = Config()
    config.DLImageReader.image_mapper_type = [("type", "*", mapper)]
    config.DLImageReader.channels = channels
    if "criteria" in options:
        config.TableQualityQuery.quality_criteria = options.pop("criteria")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DLImageReader(
            [str(path) for path in signal],
            [str(path) for path in background],
            config=config,
            **options,
        )


def make_loader(reader, tasks=("energy",), seed=0):
    from ctlearn.core.loader import DLDataLoader

    indices = np.random.default_rng(seed).permutation(len(reader.example_identifiers)).tolist()
    return DLDataLoader(reader, indices, list(tasks), batch_size=BATCH, random_seed=seed)


def make_feed(loader, cache):
    reader = loader.DLDataReader
    store = open_store(cache, reader, reader.example_identifiers, reader.channels)
    return StoreFeed(loader, store.pixels)


def assert_same_batches(loader, feed, n_batches=3):
    """The first batches are the loader's in structure, pixels and labels."""
    batches = list(feed.batches(shuffled=False).take(n_batches).as_numpy_iterator())
    assert len(batches) == min(n_batches, len(loader)) > 0
    for number, ours in enumerate(batches):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mean of no pixel, as in ours
            theirs = loader[number]
        tf.nest.assert_same_structure(theirs, ours)
        for theirs_array, array in zip(tf.nest.flatten(theirs), tf.nest.flatten(ours), strict=True):
            assert array.dtype == np.float32
            scale = np.nanmax(np.abs(theirs_array), initial=1e-30)
            np.testing.assert_allclose(array, theirs_array, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("tasks", TASK_SETS, ids="-".join)
def test_labels_of_all_mono_tasks(toy_gamma, toy_proton, tmp_path, tasks):
    reader = make_reader([toy_gamma], [toy_proton])
    loader = make_loader(reader, tasks)
    assert_same_batches(loader, make_feed(loader, tmp_path))


@pytest.mark.parametrize("channels", CHANNELS, ids="-".join)
@pytest.mark.parametrize("mapper", HEXAGONAL)
def test_pixels_in_all_channels_and_mappers(toy_gamma, tmp_path, mapper, channels):
    # Without a cut there are images without a cleaned pixel, whose relative times are NaN.
    reader = make_reader([toy_gamma], mapper=mapper, channels=channels, criteria=[])
    loader = make_loader(reader)
    assert_same_batches(loader, make_feed(loader, tmp_path), n_batches=10)


@pytest.mark.parametrize(
    ("name", "mapper", "channels"),
    [("lst_muons", mapper, CHANNELS[-1]) for mapper in HEXAGONAL]
    + [("lst_muons", HEXAGONAL[0], channels) for channels in CHANNELS[:-1]]
    + [("gct_checs_muons", "SquareMapper", channels) for channels in CHANNELS],
)
def test_real_files(shared_data, tmp_path, name, mapper, channels):
    path = shared_data / f"{name}.dl1.h5"
    # These files have no effective focal length.
    options = {"mapper": mapper, "channels": channels, "focal_length_choice": "EQUIVALENT"}
    loader = make_loader(make_reader([path], criteria=[], **options), ["energy", "skydirection"])
    assert_same_batches(loader, make_feed(loader, tmp_path))


def test_cuts_and_several_files(toy_gamma, toy_proton, tmp_path):
    cut = [("bright", "hillas_intensity > 200")]
    reader = make_reader([toy_gamma, toy_proton], criteria=cut)
    assert 0 < len(reader.example_identifiers) < 500
    loader = make_loader(reader)
    assert_same_batches(loader, make_feed(loader, tmp_path), n_batches=100)


def test_files_of_two_data_models(toy_gamma, toy_v6, tmp_path):
    loader = make_loader(make_reader([toy_v6, toy_gamma]), ["energy", "skydirection"])
    assert_same_batches(loader, make_feed(loader, tmp_path), n_batches=100)


def epochs_of(feed, n_epochs):
    """Energies in the order of a training of ``n_epochs``."""
    import random

    random.seed(4)
    seen = []
    for _ in range(n_epochs):
        seen.append([y["energy"] for _, y in feed.batches(shuffled=True).as_numpy_iterator()])
        feed.loader.on_epoch_end()
    return np.array(seen)


def test_epochs_are_shuffled_and_reproducible(toy_gamma, tmp_path):
    reader = make_reader([toy_gamma])
    first = epochs_of(make_feed(make_loader(reader), tmp_path), 2)
    assert not np.array_equal(first[0], first[1])
    again = epochs_of(make_feed(make_loader(reader), tmp_path), 2)
    np.testing.assert_array_equal(first, again)
    # Every event at most once in an epoch.
    assert all(len(np.unique(epoch)) == epoch.size for epoch in first)


def test_the_end_of_an_epoch_waits_for_no_tuning(toy_gamma, tmp_path):
    feed = make_feed(make_loader(make_reader([toy_gamma])), tmp_path)
    assert feed.batches(shuffled=True).options().autotune.enabled is False


REPLICAS = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import numpy as np, tensorflow as tf
device = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
from test_data_feed import make_feed, make_loader, make_reader
feed = make_feed(make_loader(make_reader([{path!r}])), Path({cache!r}))
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
plain = list(feed.batches(shuffled=False))
shared = list(strategy.experimental_distribute_dataset(feed.batches(shuffled=False)))
assert len(shared) == len(plain) > 0
for (features, labels), (all_features, all_labels) in zip(shared, plain):
    parts = strategy.experimental_local_results(features)
    assert [len(part) for part in parts] == [4, 4]
    np.testing.assert_array_equal(np.concatenate(parts), all_features)
    parts = strategy.experimental_local_results(labels["energy"])
    np.testing.assert_array_equal(np.concatenate(parts), all_labels["energy"])
print("shared")
"""


def test_replicas_share_a_batch(toy_gamma, tmp_path):
    """Under tf.distribute every replica gets its part, and all parts are the batch."""
    import subprocess
    import sys
    from pathlib import Path

    code = REPLICAS.format(
        tests=str(Path(__file__).parent), path=str(toy_gamma), cache=str(tmp_path)
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout.strip().endswith("shared"), ended.stderr[-2000:]
