"""What a user sees of a run: progress, metrics.jsonl, TensorBoard."""

import contextlib
import json
import math
import time
from pathlib import Path

import tensorflow as tf

from ..files import atomic_file
from ..progress import progress
from .schedule import Schedule

_LOG_EVERY = 5.0  # seconds between lines of metrics.jsonl


class Monitor:
    """Collects losses and shows them.

    Parameters
    ----------
    folder : Path
        Run folder.
    schedule : Schedule
        Tells how far the run is.
    batch_size : int
        Images per step, for the rate.
    """

    def __init__(self, folder: Path, schedule: Schedule, batch_size: int):
        self.schedule = schedule
        self.batch_size = batch_size
        self.path = folder / "metrics.jsonl"
        self._summaries = tf.summary.create_file_writer(str(folder / "tensorboard"))
        self._stack = contextlib.ExitStack()
        self._marks = [(time.monotonic(), 0)]
        self._last_log = time.monotonic()
        self.latest: dict[str, float] = {}

    def __enter__(self):
        self._progress = self._stack.enter_context(progress("training"))
        self._stack.callback(self._summaries.close)
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    def update(self, step: int, values: dict, last: bool = False) -> None:
        """Show the state after ``step``; ``values`` are scalar tensors, read only when due."""
        now = time.monotonic()
        if now - self._last_log < _LOG_EVERY and not last:
            return
        self._marks = [*self._marks[-9:], (now, step)]
        start, first = self._marks[0]
        rate = (step - first) / max(now - start, 1e-9)
        self.latest = {name: float(value) for name, value in values.items()}
        self._write(step, {**self.latest, "images_per_second": rate * self.batch_size})
        self._show(step, rate)
        self._last_log = now

    def note(self, step: int, values: dict[str, float]) -> None:
        """Keep values that belong to ``step`` beside the losses."""
        self._write(step, values)

    def rewind(self, step: int) -> None:
        """Forget what came after ``step``, from which the run goes on."""
        _drop_after(self.path, step)
        self._marks = [(time.monotonic(), step)]
        self.latest = {}

    def _write(self, step: int, values: dict) -> None:
        line = {"step": step, "elapsed": round(self.schedule.elapsed, 1)}
        line |= {name: round(value, 6) for name, value in values.items()}
        with self.path.open("a") as lines:
            lines.write(json.dumps(line) + "\n")
        with self._summaries.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def _show(self, step: int, rate: float) -> None:
        shown = {n: value for n, value in self.latest.items() if not n.endswith("_gradient")}
        losses = " ".join(f"{name} {value:.3f}" for name, value in shown.items())
        text = f"step {step}  {rate * self.batch_size:.0f} images/s  {losses}"
        left = self.schedule.remaining(step, rate)
        self._progress(self.schedule.fraction(step), text, left)


def _drop_after(path: Path, step: int) -> None:
    """Keep the lines of an earlier part of the run up to the step it resumes from."""
    if not path.exists():
        return
    lines = [line for line in path.read_text().splitlines() if _step_of(line) <= step]
    with atomic_file(path, overwrite=True) as part:
        part.write_text("".join(line + "\n" for line in lines))


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:  # cut off by a kill or a full disk
        return math.inf
