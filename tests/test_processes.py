"""Processes that we start end with us, and are waited for."""

import os
import signal
import subprocess
import sys
import time
from threading import Thread

import pytest

from ctlearn_gan_aug.processes import python

#: Says its number, and saves its state when it is asked to end, which takes a while.
_TRAINING = """
import os, signal, sys, time
from pathlib import Path

def save(*_):
    Path(sys.argv[1], "asked").touch()
    time.sleep(0.3)
    Path(sys.argv[1], "saved").touch()
    sys.exit(0)

signal.signal(signal.SIGTERM, save)
Path(sys.argv[1], "started.part").write_text(str(os.getpid()))
Path(sys.argv[1], "started.part").rename(Path(sys.argv[1], "started"))
time.sleep(60)
"""
#: Starts the same one, and says when it has ended. Ctrl-C counts as in a terminal: what a shell
#: starts in the background ignores it.
_STARTER = f"""
import signal, sys
from pathlib import Path
from ctlearn_gan_aug.processes import python

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with python(["-c", {_TRAINING!r}, sys.argv[1]]):
        pass
finally:
    Path(sys.argv[1], "ended").touch()
"""


def test_says_how_it_ended():
    pipe = {"stdout": subprocess.PIPE, "text": True}
    with python(["-c", "print(2); raise SystemExit(3)"], **pipe) as process:
        said = process.stdout.read()
    assert (said, process.returncode) == ("2\n", 3)


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_ended_ends_what_it_started(tmp_path, number, again):
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, tmp_path], stderr=subprocess.DEVNULL
    )
    await_file(tmp_path / "started")
    pid = int((tmp_path / "started").read_text())
    starter.send_signal(number)
    if again:
        await_file(tmp_path / "asked")
        starter.send_signal(signal.SIGTERM)
    assert starter.wait(20) != 0
    assert (tmp_path / "saved").exists()  # it was waited for
    assert (tmp_path / "ended").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_error_ends_what_was_started(tmp_path):
    with pytest.raises(RuntimeError), python(["-c", _TRAINING, str(tmp_path)]):
        await_file(tmp_path / "started")
        raise RuntimeError
    assert (tmp_path / "saved").exists()


def test_signals_are_as_before_afterwards_and_left_alone_in_threads():
    before = signal.getsignal(signal.SIGTERM)
    with python(["-c", ""]):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
    codes = []

    def run():
        with python(["-c", "raise SystemExit(4)"]) as process:
            codes.append(signal.getsignal(signal.SIGTERM))
        codes.append(process.returncode)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert codes == [before, 4]


def await_file(path):
    for _ in range(400):
        if path.exists():
            return
        time.sleep(0.05)
    raise TimeoutError(path)
