"""Outputs are complete or absent; inputs are found or refused."""

import pytest

from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.files import atomic_file, atomic_folder, expand_inputs


def test_inputs_are_found_once_and_in_order(tmp_path):
    for name in ("b.h5", "a.dl1.h5", "notes.txt"):
        (tmp_path / name).touch()
    found = expand_inputs([tmp_path, tmp_path / "b.h5"])
    assert [path.name for path in found] == ["a.dl1.h5", "b.h5"]


def test_missing_and_empty_inputs(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        expand_inputs([tmp_path / "absent.h5"])
    with pytest.raises(UserError, match="holds no DL1 file"):
        expand_inputs([tmp_path])
    with pytest.raises(UserError, match="No input"):
        expand_inputs([])


@pytest.mark.parametrize("atomic", [atomic_file, atomic_folder])
def test_failure_leaves_nothing(tmp_path, atomic):
    target = tmp_path / "out"
    with pytest.raises(RuntimeError), atomic(target) as part:
        part.touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_success_appears_whole_and_is_not_replaced_unasked(tmp_path):
    target = tmp_path / "out"
    with atomic_file(target) as part:
        part.write_text("first")
        assert not target.exists()
    with pytest.raises(UserError, match="already exists"), atomic_file(target):
        pass
    with atomic_file(target, overwrite=True) as part:
        part.write_text("second")
    assert target.read_text() == "second"
    assert list(tmp_path.iterdir()) == [target]


def test_folder_replaces_a_folder(tmp_path):
    for content in ("old", "new"):
        with atomic_folder(tmp_path / "out", overwrite=True) as part:
            (part / content).touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
