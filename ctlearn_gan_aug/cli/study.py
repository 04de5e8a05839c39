"""``ctlearn-gan study``: CTLearn with and without generated images, over seeds and sizes."""

from pathlib import Path

import click


@click.command("study", short_help="Measure what generated images are worth to CTLearn.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Study folder; overrides output.")
@click.option("--list", "listing", is_flag=True, help="Show the runs and their state, and stop.")
@click.option("--run", "number", type=click.IntRange(min=0), help="Do this run of the list only.")
@click.option("--page", is_flag=True, help="Write the page of the runs that are complete, only.")
def command(config, output, listing, number, page):
    """Train CTLearn as CONFIG (YAML) says, with and without generated images, and compare.

    All runs that are not complete are done, one process each, then study.html and study.json are
    written. An interrupted study goes on where it was. On a batch system, let every job of an
    array do one --run, generators first, and call the command once more without it.
    """
    if listing + (number is not None) + page > 1:
        raise click.UsageError("Give one of --list, --run and --page.")
    from ..logs import set_up_logging
    from ..study.study import Study

    set_up_logging()
    study = Study(config, output)
    if listing:
        _show(study)
        return
    if number is not None and number >= len(study.runs):
        raise click.UsageError(f"There are runs 0 to {len(study.runs) - 1}.")
    if number is not None:
        from ..study.execute import execute

        execute(study, study.runs[number])
        return
    if not page:
        from ..study.progress import execute_all

        execute_all(study)
    from ..study.page import write_page

    click.echo(f"Page: {write_page(study)}")


def _show(study) -> None:
    from ..study.plan import state

    for number, run in enumerate(study.runs):
        click.echo(f"{number:4d}  {run.name}  {state(study.root, study.runs, run)}")
