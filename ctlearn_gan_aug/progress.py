"""Progress bars: of events, with count and rate, and of the stages of a longer piece of work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def image_progress(title: str, n_total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar of ``n_total`` events; yields a function that advances it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=n_total, rate="")

        def advance(n_events: int) -> None:
            bar.advance(task, n_events)
            speed = bar.tasks[0].speed
            bar.update(task, rate=f"{speed:.0f} events/s" if speed else "")

        yield advance


@contextmanager
def stage_progress(title: str) -> Iterator[Callable[[str, float], None]]:
    """Show a bar; yields a function that is told the stage and the fraction done of everything."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%  ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda stage, done: bar.update(task, description=stage, completed=done)
