"""The progress bar of commands that write events: count, rate and remaining time."""

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
