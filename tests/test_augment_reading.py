"""CTLearn's training on DL1 files that its own reader would get wrong."""

import csv
import shutil

import numpy as np
import pytest
import tables
from augment_fakes import augmented_tool, make_toy_files, write_config
from dl1_variants import IMAGES, REFUSED_PIXELS, SAME, FixedPoint, apply, rebuild

from ctlearn_gan_aug.data.reader import open_reader
from ctlearn_gan_aug.data.tool_reader import check_own_reading
from ctlearn_gan_aug.errors import UserError

STORED = {"image": FixedPoint(20, 2000), "peak_time": FixedPoint(500, 40)}
#: Unusual files that dl1-data-handler reads rightly all the same.
READ_RIGHTLY = {"as it is", "times alone", "energies in GeV", "cores in km"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Folders gamma/ and proton/ with one toy file each."""
    return make_toy_files(tmp_path_factory.mktemp("data"), n_events=120)


def train(signal, *options):
    """Train for an epoch; rows of CTLearn's log."""
    import keras

    keras.utils.set_random_seed(3)
    argv = ["--signal", str(signal), "--output", f"out_{signal.name}", "--reco", "energy", *options]
    config = write_config(signal.parent, n_epochs=1, batch_size=8)
    with pytest.raises(SystemExit) as end:
        augmented_tool().run(["--config", config, *argv])
    assert end.value.code == 0
    with open(f"out_{signal.name}/training_log.csv") as log:
        return list(csv.DictReader(log))


@pytest.fixture
def folders(data, tmp_path, monkeypatch):
    """Makes a folder of the toy gammas with some changes."""
    monkeypatch.chdir(tmp_path)

    def make(name, *changes):
        folder = tmp_path / f"data_{name}"
        folder.mkdir()
        shutil.copy(data / "gamma" / "gamma.dl1.h5", folder / "changed.dl1.h5")
        for change in changes:
            apply(change, folder / "changed.dl1.h5")
        return folder

    return make


def rounded(f):
    """Values that the fixed-point numbers stand for, as floats."""
    table = f.get_node(IMAGES)
    columns = {}
    for name, stored in STORED.items():
        transform = stored.transform()
        columns[name] = transform.inverse(transform(table.col(name))).astype("f4")
    rebuild(f, IMAGES, columns=columns)


def test_the_same_values_stored_otherwise_train_the_same_model(folders):
    plain = train(folders("plain", rounded))

    def fixed_point(f):
        rebuild(f, IMAGES, fixed_point=STORED, extra=("quality",))

    unusual = train(folders("unusual", fixed_point, SAME["energies in GeV"]))
    assert plain == unusual


@pytest.mark.parametrize("name", ["charges not a number", "times not a number", "energy zero"])
def test_values_that_are_not_finite_end_the_training_before_it_begins(name, folders):
    change, words = REFUSED_PIXELS[name]
    folder = folders("bad", change)
    config = write_config(folder.parent, n_epochs=1, batch_size=8)
    for reader in ("store", "ctlearn"):
        argv = ["--config", config, "--signal", str(folder), "--output", "out", "--reco", "energy"]
        with pytest.raises(UserError) as caught:
            augmented_tool().run([*argv, "--reader", reader])
        assert all(word in str(caught.value) for word in words)
        assert not (folder.parent / "out").exists()


@pytest.mark.parametrize("name", SAME)
def test_own_loader_is_refused_what_it_would_read_wrongly(name, folders):
    path = folders("own", SAME[name]) / "changed.dl1.h5"
    with open_reader([path]) as opened:
        if name in READ_RIGHTLY:
            check_own_reading(opened.reader)
            batch = opened.reader.generate_mono_batch(np.arange(10))
            with tables.open_file(path) as h5file:
                stored = h5file.get_node(IMAGES).col("image")[np.asarray(batch["table_index"])]
            sums = np.asarray(batch["features"])[..., 0].sum(axis=(1, 2))
            np.testing.assert_allclose(sums, stored.sum(axis=1), rtol=1e-4)
            return
        with pytest.raises(UserError, match=r"changed.dl1.h5: .*--reader store"):
            check_own_reading(opened.reader)
