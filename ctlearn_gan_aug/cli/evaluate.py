"""``ctlearn-gan evaluate``: a generator beside held-out simulation."""

from pathlib import Path

import click


@click.command("evaluate", short_help="Judge a generator on held-out files.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--test",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Held-out DL1 file or folder of the generator's particle, repeatable.",
)
@click.option(
    "--other",
    multiple=True,
    type=click.Path(path_type=Path),
    help="DL1 file or folder of the other particle, for the type accuracy, repeatable.",
)
@click.option(
    "--train",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The training files, to look for memorised images, repeatable.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--max-events", type=click.IntRange(min=40), help="Use at most so many events.")
@click.option("--quick", is_flag=True, help="Shorter trainings of the judges: about a minute.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier evaluation in the folder.")
def command(bundle, test, other, train, output, seed, max_events, quick, overwrite):
    """Compare images that BUNDLE generates with simulated ones of the same labels.

    Independent CTLearn networks, trained on half of the test events, reconstruct energy, direction
    and particle type of both. Writes metrics.json, figures and report.html.
    """
    from ..logs import set_up_logging

    set_up_logging()
    from ..evaluate.run import REPORT, evaluate
    from ..progress import stage_progress

    with stage_progress("evaluating") as progress:
        metrics = evaluate(
            bundle,
            test,
            other,
            output,
            train=train,
            seed=seed,
            max_events=max_events,
            quick=quick,
            overwrite=overwrite,
            progress=progress,
        )
    for verdict in metrics["verdicts"]:
        click.echo(f"{verdict['grade']:>5}  {verdict['question']} {verdict['reason']}")
    click.echo(f"Report: {output / REPORT}")
