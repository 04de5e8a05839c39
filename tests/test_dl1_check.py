"""Files that are no usable DL1 are refused with one sentence that says why."""

import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from ctlearn_gan_aug.dl1.check import check_dl1
from ctlearn_gan_aug.errors import UserError


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        check_dl1(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def test_simulated_dl1_passes(toy_of_each_model):
    check_dl1(toy_of_each_model)


def test_real_files_pass(shared_data):
    for name in ("lst_muons", "gct_checs_muons", "camsettings_v6"):
        check_dl1(shared_data / f"{name}.dl1.h5")


def test_missing_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.h5")


def test_folder(tmp_path):
    assert "folder" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no HDF5 at all"])
def test_other_format(tmp_path, content):
    path = tmp_path / "other.dl1.h5"
    path.write_bytes(content)
    assert "not an HDF5 file" in refusal(path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_truncated(tmp_path, toy_gamma, share):
    content = toy_gamma.read_bytes()
    path = tmp_path / "short.dl1.h5"
    path.write_bytes(content[: int(share * len(content))])
    assert "truncated" in refusal(path)


WRITE = """
import sys, h5py
with h5py.File(sys.argv[1], "r+"):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_file_that_another_process_writes_is_locked(tmp_path, toy_gamma):
    path = shutil.copy(toy_gamma, tmp_path / "growing.dl1.h5")
    command = [sys.executable, "-c", WRITE, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as writer:
        assert writer.stdout.readline() == "open\n"
        message = refusal(path)
        writer.stdin.close()
    assert "is locked" in message and "HDF5_USE_FILE_LOCKING=FALSE" in message
    check_dl1(path)


def test_hdf5_without_dl1(tmp_path):
    path = tmp_path / "array.h5"
    with h5py.File(path, "w") as h5file:
        h5file["data"] = np.arange(3)
    assert "not a ctapipe data product" in refusal(path)


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda f: f.attrs.__setitem__("CTA PRODUCT DATA MODEL VERSION", "v5.0.0"), "v5.0.0"),
        (lambda f: f.attrs.__setitem__("CTA PRODUCT DATA MODEL VERSION", "v8.0.0"), "newer"),
        (lambda f: f.attrs.__setitem__("CTA PROCESS TYPE", "Observation"), "Observation"),
        (lambda f: f.__delitem__("dl1/event/telescope/images"), "no DL1 images"),
        (lambda f: f.__delitem__("dl1/event/telescope/parameters"), "no DL1 parameters"),
        (lambda f: f.__delitem__("simulation"), "simulat"),
    ],
)
def test_dl1_of_another_kind(tmp_path, toy_gamma, change, reason):
    path = tmp_path / "changed.dl1.h5"
    shutil.copy(toy_gamma, path)
    with h5py.File(path, "a") as h5file:
        change(h5file)
    assert reason in refusal(path)
