"""Pixel stores: whole and true, whatever happens to them or to their builder."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from test_data_feed import make_reader

from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.data.rows import RowFile, StoredRows
from ctlearn_gan_aug.data.store import open_store
from ctlearn_gan_aug.errors import UserError


@pytest.fixture
def gamma(toy_gamma, tmp_path):
    """A toy file that may be changed."""
    return shutil.copy(toy_gamma, tmp_path / "gamma.dl1.h5")


def open_of(path, cache, channels=("image", "peak_time"), criteria=()):
    reader = make_reader([path], criteria=list(criteria))
    try:
        return open_store(cache, reader, reader.example_identifiers, list(channels))
    finally:
        for handle in reader.files.values():
            handle.close()


def built_at(store):
    return (store.folder / "store.json").stat().st_mtime_ns


def expected(path):
    return read_events([path]).pixels


def test_holds_what_the_files_hold(gamma, tmp_path):
    events = read_events([gamma])
    stored = read_events([gamma], store=tmp_path / "cache")
    np.testing.assert_array_equal(stored.pixels[:], events.pixels)
    np.testing.assert_array_equal(stored.masks[:], events.masks)
    few = stored.select([5, 3, 9])
    np.testing.assert_array_equal(few.pixels[1:], events.pixels[[3, 9]])
    np.testing.assert_array_equal(few.labels["event_id"], events.labels["event_id"][[5, 3, 9]])


def test_built_once_per_content(gamma, tmp_path):
    cache = tmp_path / "cache"
    first = open_of(gamma, cache)
    before = built_at(first)
    again = open_of(gamma, cache)
    assert again.folder == first.folder
    assert built_at(again) == before
    others = [
        open_of(gamma, cache, channels=["image"]),
        open_of(gamma, cache, criteria=[("bright", "hillas_intensity > 200")]),
    ]
    assert len({store.folder for store in [first, *others]}) == 3
    assert len(others[1].pixels) < len(first.pixels)
    assert not list(cache.glob("*.part"))


@pytest.mark.parametrize("name", ["pixels.npy", "masks.npy", "store.json"])
@pytest.mark.parametrize("size", [0, 60, 0.5])
def test_truncated_store_is_built_anew(gamma, tmp_path, name, size, caplog):
    store = open_of(gamma, tmp_path / "cache")
    path = store.folder / name
    os.truncate(path, size if size > 1 else int(size * path.stat().st_size))
    with caplog.at_level(logging.WARNING):
        again = open_of(gamma, tmp_path / "cache")
    np.testing.assert_array_equal(again.pixels[:], expected(gamma))
    (message,) = [r.getMessage() for r in caplog.records if "built anew" in r.getMessage()]
    assert str(store.folder) in message


def test_damaged_store_is_built_anew(gamma, tmp_path):
    store = open_of(gamma, tmp_path / "cache")
    path = store.folder / "pixels.npy"
    with path.open("r+b") as file:  # as a lost write leaves it: zeros in the second half
        file.seek(path.stat().st_size // 2)
        file.write(bytes(path.stat().st_size - path.stat().st_size // 2))
    again = open_of(gamma, tmp_path / "cache")
    np.testing.assert_array_equal(again.pixels[:], expected(gamma))


@pytest.mark.parametrize("keep_time", [True, False])
def test_changed_input_is_read_anew(gamma, tmp_path, keep_time):
    import tables

    store = open_of(gamma, tmp_path / "cache")
    state = os.stat(gamma)
    with tables.open_file(gamma, "a") as h5file:
        table = h5file.root.dl1.event.telescope.images.tel_001
        content = table[:]
        content["image"] *= 2
        table.modify_rows(0, len(content), rows=content)
    if keep_time:
        os.utime(gamma, ns=(state.st_atime_ns, state.st_mtime_ns))
    again = open_of(gamma, tmp_path / "cache")
    np.testing.assert_array_equal(again.pixels[:], expected(gamma))
    assert not np.array_equal(again.pixels[:], np.zeros_like(again.pixels[:]))
    assert store.folder == again.folder


def test_stores_of_changed_files_are_removed(gamma, toy_proton, tmp_path):
    cache = tmp_path / "cache"
    old = open_of(gamma, cache, channels=["image"])
    other = open_of(toy_proton, cache)
    os.utime(gamma)
    open_of(gamma, cache)
    assert not old.folder.exists()
    assert other.folder.exists()


BUILD = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from test_data_store import open_of
    from ctlearn_gan_aug.data import blocks, rows
    blocks._BLOCK_BYTES = 100_000
    if {kill_after!r}:
        write, written = rows.RowFile.write, []
        def count(self, positions, values):
            write(self, positions, values)
            written.append(1)
            if len(written) == {kill_after!r}:
                os.kill(os.getpid(), signal.SIGKILL)
        rows.RowFile.write = count
    store = open_of({path!r}, Path({cache!r}))
    print(store.pixels[:].sum(dtype="f8"))
""")


def build_elsewhere(path, cache, kill_after=0):
    """Start a process that builds a store; it may kill itself after some writes."""
    code = BUILD.format(
        tests=os.path.dirname(__file__), path=str(path), cache=str(cache), kill_after=kill_after
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def test_killed_builder_leaves_nothing_that_counts(gamma, tmp_path):
    cache = tmp_path / "cache"
    killed = build_elsewhere(gamma, cache, kill_after=5)
    killed.wait()
    assert killed.returncode == -signal.SIGKILL
    assert not [path for path in cache.iterdir() if not path.name.startswith(".")]
    assert list(cache.glob(".*.part"))
    store = open_of(gamma, cache)
    np.testing.assert_array_equal(store.pixels[:], expected(gamma))
    assert not list(cache.glob(".*.part"))


def test_two_builders_at_once(gamma, tmp_path):
    cache = tmp_path / "cache"
    processes = [build_elsewhere(gamma, cache) for _ in range(2)]
    sums = {float(process.communicate()[0]) for process in processes}
    assert sums == {expected(gamma).sum(dtype="f8")}
    assert len([path for path in cache.iterdir() if not path.name.startswith(".")]) == 1


def test_second_builder_waits_for_the_first(gamma, tmp_path, monkeypatch):
    """And then takes the first one's store."""
    import threading

    from ctlearn_gan_aug.data import store as module

    built = []
    build = module._build

    def slow_build(*args):
        built.append(1)
        time.sleep(0.5)
        build(*args)

    monkeypatch.setattr(module, "_build", slow_build)
    readers = [make_reader([gamma]) for _ in range(2)]
    threads = [
        threading.Thread(
            target=open_store, args=(tmp_path / "c", r, r.example_identifiers, r.channels)
        )
        for r in readers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]


def test_unwritable_or_full_cache_is_one_sentence(gamma, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file: the pixel store cannot be kept there \("):
        open_of(gamma, tmp_path / "file")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 10**6))
    with pytest.raises(UserError, match=r"needs 0\.0 GiB, but only 0\.0 GiB are free"):
        open_of(gamma, tmp_path / "cache")


def test_tables_in_another_order_are_matched_by_event(gamma, tmp_path):
    import tables

    before = expected(gamma)
    with tables.open_file(gamma, "a") as h5file:
        table = h5file.root.dl1.event.telescope.images.tel_001
        table.modify_rows(0, table.nrows, rows=table[:][::-1].copy())
    np.testing.assert_array_equal(open_of(gamma, tmp_path / "cache").pixels[:], before)


def test_event_without_image_is_refused(gamma, tmp_path):
    import tables

    with tables.open_file(gamma, "a") as h5file:
        h5file.root.dl1.event.telescope.images.tel_001.remove_rows(3, 4)
    with pytest.raises(UserError, match=r"tel_001 has no image of 1 events"):
        open_of(gamma, tmp_path / "cache")
    assert not [p for p in (tmp_path / "cache").iterdir() if not p.name.endswith(".lock")]


def test_rows_are_written_where_they_belong(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 3, 2)).astype(np.float32)
    path = tmp_path / "rows.npy"
    with RowFile(path, values.dtype, values.shape) as file:
        for positions in np.array_split(rng.permutation(50), 7):
            file.write(positions, values[positions])
    np.testing.assert_array_equal(np.load(path), values)
    rows = StoredRows(path).select(slice(None, None, -1))
    np.testing.assert_array_equal(rows[[0, 2]], values[[49, 47]])
    assert rows.shape == values.shape


def test_file_cut_off_under_a_running_training_is_said(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.zeros((50, 3), np.float32))
    rows = StoredRows(path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(UserError, match="was cut off while in use"):
        rows[40:]


@pytest.fixture
def read_only(monkeypatch):
    """Lets a folder be on a mount that cannot be written, for root too."""
    import errno
    import io
    from pathlib import Path

    def mount(folder):
        def checked(original, writes):
            def call(path, *args, **options):
                if str(path).startswith(str(folder)) and writes(path, *args, **options):
                    raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
                return original(path, *args, **options)

            return call

        def opens_to_write(path, mode="r", *_, **options):
            return bool(set(mode) & set("wax+"))

        monkeypatch.setattr(io, "open", checked(io.open, opens_to_write))
        monkeypatch.setattr(
            os, "mkdir", checked(os.mkdir, lambda path, *_: not Path(path).exists())
        )
        for name in ("rename", "replace", "unlink", "rmdir"):
            monkeypatch.setattr(os, name, checked(getattr(os, name), lambda *_, **options: True))

    return mount


def test_a_valid_store_on_a_read_only_mount_is_used(gamma, tmp_path, read_only):
    cache = tmp_path / "cache"
    open_of(gamma, cache)
    for lock in cache.glob(".*"):
        lock.unlink()
    read_only(cache)
    np.testing.assert_array_equal(open_of(gamma, cache).pixels[:], expected(gamma))
    with pytest.raises(UserError, match=rf"{cache}: .*Read-only.*choose another folder"):
        open_of(gamma, cache, channels=["image"])
