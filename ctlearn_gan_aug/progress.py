"""How far long work is: a bar on a terminal, log lines at intervals in files and pipes."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

#: Seconds after which a line is due, and those between two tenths of the way that both get one.
_LINE_EVERY, _LINES_APART = 30.0, 5.0

#: Takes the fraction done, what is said of it, and the seconds left, if they are known better than
#: from the time that it took so far.
Show = Callable[..., None]


def on_terminal() -> bool:
    """Whether somebody looks at standard error."""
    return sys.stderr.isatty()


@contextmanager
def progress(title: str) -> Iterator[Show]:
    """Show how far a piece of work is; yields ``show(done, text, seconds_left=None)``."""
    started = time.monotonic()
    with (_bar if on_terminal() else _lines)(title) as tell:

        def show(done: float, text: str, seconds_left: float | None = None) -> None:
            if seconds_left is None and done > 0:
                seconds_left = (time.monotonic() - started) * (1.0 - done) / done
            eta = "" if seconds_left is None else f"  ETA {_duration(seconds_left)}"
            tell(min(done, 1.0), text + eta)

        yield show


@contextmanager
def image_progress(title: str, n_total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of ``n_total`` events are done; yields a function that is told of more."""
    started, n_done = time.monotonic(), 0
    with progress(title) as show:

        def advance(n_events: int) -> None:
            nonlocal n_done
            n_done += n_events
            rate = n_done / max(time.monotonic() - started, 1e-3)
            show(n_done / max(n_total, 1), f"{n_done} of {n_total} events  {rate:.0f} events/s")

        yield advance


@contextmanager
def stage_progress(title: str) -> Iterator[Callable[[str, float], None]]:
    """Show stages; yields a function that is told the stage and the fraction done of everything."""
    with progress(title) as show:
        yield lambda stage, done: show(done, stage)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[float, str], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>5.1f}%"),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=1.0, text="")
        yield lambda done, text: bar.update(task, completed=done, text=text)


@contextmanager
def _lines(title: str) -> Iterator[Callable[[float, str], None]]:
    told, tenths = time.monotonic(), 0

    def tell(done: float, text: str) -> None:
        nonlocal told, tenths
        waited = time.monotonic() - told
        is_tenth = int(10 * done) > tenths and waited >= _LINES_APART
        if is_tenth or waited >= _LINE_EVERY or (done >= 1.0 and tenths < 10):
            told, tenths = time.monotonic(), int(10 * done)
            log.info("%s: %.0f%%  %s", title, 100 * done, text)

    yield tell


def _duration(seconds: float) -> str:
    """Such as 40 s, 12 min or 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
