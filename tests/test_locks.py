"""Two processes never write to one place; locks of dead ones do not stand in the way."""

import errno
import fcntl
import logging
import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.locks import only_writer

HOLD = """
import sys, time
from ctlearn_gan_aug.locks import only_writer
with only_writer(sys.argv[1], inside=sys.argv[2] == "inside"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def hold():
    """Starts processes that hold locks until the test ends."""
    processes = []

    def start(target, inside):
        command = [sys.executable, "-c", HOLD, str(target), "inside" if inside else "beside"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize("inside", [True, False])
def test_the_second_process_is_told_of_the_first(tmp_path, hold, inside):
    target = tmp_path / "new" / "run"
    first = hold(target, inside)
    told = rf"{target}: another run is writing there \(process {first.pid} on \S+\); wait"
    with pytest.raises(UserError, match=told), only_writer(target, inside):
        pytest.fail("two writers at once")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "new")
    with pytest.raises(UserError, match="another run"), only_writer(link / "run", inside):
        pytest.fail("two names of one folder")
    first.send_signal(signal.SIGKILL)
    first.wait()
    with only_writer(target, inside):  # the lock file of the dead is there, the lock is not
        pass
    assert not list(tmp_path.rglob("*.lock"))


@pytest.mark.parametrize("inside", [True, False])
def test_only_what_was_written_stays(tmp_path, inside):
    with only_writer(tmp_path / "a" / "b", inside):
        pass
    assert list(tmp_path.iterdir()) == []
    with only_writer(tmp_path / "a" / "b", inside):
        (tmp_path / "a" / "b").mkdir(exist_ok=True)
        (tmp_path / "a" / "b" / "c").touch()
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["c"]
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]


def test_parts_of_killed_writers_go(tmp_path):
    name = "made [1].dl1.h5"
    for left in (f".{name}.0a1b2c3d.part", ".other.h5.0a1b2c3d.part"):
        (tmp_path / left).touch()
    with only_writer(tmp_path / name):
        assert sorted(p.name for p in tmp_path.glob(".*.part")) == [".other.h5.0a1b2c3d.part"]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_file_systems_without_locks_work(tmp_path, monkeypatch, caplog, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.DEBUG, "ctlearn_gan_aug"), only_writer(tmp_path / "run", True):
        pass
    assert "no file locks here" in caplog.text


def test_a_file_is_no_folder_to_write_into(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(UserError, match="run: is no folder"), only_writer(tmp_path / "run", True):
        pass


def _count(target, queue):
    for _ in range(50):
        try:
            with only_writer(target):
                number = int(target.read_text())
                target.write_text(str(number + 1))
                queue.put(1)
        except UserError:
            pass


def test_locks_that_are_removed_and_made_anew_let_one_in_at_a_time(tmp_path):
    target = tmp_path / "count"
    target.write_text("0")
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    workers = [context.Process(target=_count, args=(target, queue)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    n_entered = 0
    while not queue.empty():
        n_entered += queue.get()
    assert int(target.read_text()) == n_entered > 0


@pytest.fixture
def busy(hold):
    """Message of an entry point whose output another process is writing."""

    def told(target, inside, enter):
        held = hold(target, inside)
        with pytest.raises(UserError) as refused:
            enter()
        assert str(refused.value).startswith(f"{target}: another run is writing there")
        assert str(held.pid) in str(refused.value)

    return told


@pytest.mark.parametrize("option", [{}, {"resume": True}, {"overwrite": True}])
def test_train_refuses_the_folder_of_a_running_one(
    tmp_path, toy_gamma, tiny_config, tiny_bundle, busy, option
):
    from ctlearn_gan_aug.training.run import train

    run = tmp_path / "run"
    (run / "bundle").mkdir(parents=True)
    busy(run, True, lambda: train(tiny_config(run, [toy_gamma]), **option))
    assert (run / "bundle").exists()


@pytest.mark.parametrize("options", [(), ("--overwrite",)], ids=["new", "overwrite"])
def test_train_model_refuses_the_folder_of_a_running_one(
    tmp_path, toy_gamma, busy, monkeypatch, options
):
    from ctlearn_gan_aug.augment.tool import TrainAugmentedCTLearnModel

    monkeypatch.chdir(tmp_path)
    run = tmp_path / "model"
    given = ["--signal", str(toy_gamma.parent), "--output", str(run), "--reco", "energy"]
    busy(run, False, lambda: TrainAugmentedCTLearnModel().run([*given, *options]))


def test_export_refuses_the_file_of_a_running_one(tmp_path, tiny_bundle, busy):
    from ctlearn_gan_aug.export.run import export

    target = tmp_path / "made.dl1.h5"
    busy(target, False, lambda: export(tiny_bundle, target, n_events=3))
    assert not target.exists()


def test_evaluate_refuses_the_folder_of_a_running_one(tmp_path, tiny_bundle, toy_gamma, busy):
    from ctlearn_gan_aug.evaluate.run import evaluate

    target = tmp_path / "report"
    busy(target, False, lambda: evaluate(tiny_bundle, [toy_gamma], [], target, overwrite=True))
