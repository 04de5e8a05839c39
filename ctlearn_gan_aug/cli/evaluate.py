"""``ctlearn-gan evaluate``: a generator beside held-out simulation."""

from pathlib import Path

import click

from .options import candidates_option, seed_option


@click.command("evaluate", short_help="Judge a generator on held-out files.")
@click.argument("subject", type=click.Path(path_type=Path), nargs=-1, required=True)
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
@click.option(
    "--gap",
    nargs=3,
    multiple=True,
    metavar="LABEL LOW HIGH",
    help='Region held out of the training, e.g. energy "1 TeV" "2 TeV"; repeatable. '
    "Default: gaps found in the training labels.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@seed_option()
@candidates_option
@click.option("--max-events", type=click.IntRange(min=40), help="Use at most so many events.")
@click.option("--quick", is_flag=True, help="Shorter trainings of the judges: about a minute.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="Folder for trained judges, which the next evaluation on the same test files takes. "
    "Default: ctlearn_gan_aug/evaluation in the user's cache folder.",
)
@click.option("--no-cache", is_flag=True, help="Train judges anew, keep nothing.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier evaluation in the folder.")
def command(
    subject,
    test,
    other,
    train,
    gap,
    output,
    seed,
    candidates,
    max_events,
    quick,
    cache,
    no_cache,
    overwrite,
):
    """Compare generated images with simulated ones of the same labels.

    SUBJECT is a generator's bundle, or DL1 files or folders of synthetic images: those of the
    test files' events are compared in pairs, others with events of similar energy and offset.

    Independent CTLearn networks, trained on half of the test events, reconstruct energy, direction
    and particle type of both. Writes metrics.json, figures and report.html.
    """
    from ..logs import set_up_logging
    from .backend import need_tensorflow

    set_up_logging()
    need_tensorflow()
    from ..evaluate.gaps import Gap

    gaps = [Gap.parse(*words) for words in gap]
    folder = _cache_folder(cache, no_cache)
    from ..evaluate.run import REPORT, evaluate
    from ..progress import stage_progress

    with stage_progress("evaluating") as progress:
        metrics = evaluate(
            subject,
            test,
            other,
            output,
            train=train,
            gaps=gaps,
            seed=seed,
            candidates=candidates,
            max_events=max_events,
            quick=quick,
            overwrite=overwrite,
            cache=folder,
            progress=progress,
        )
    for verdict in metrics["verdicts"]:
        click.echo(f"{verdict['grade']:>5}  {verdict['question']} {verdict['reason']}")
    click.echo(f"Report: {output / REPORT}")


def _cache_folder(cache: Path | None, no_cache: bool) -> Path | None:
    """The folder asked for, the user's own, or none where that cannot be written."""
    from ..errors import UserError
    from ..evaluate.cache import Cache, default_folder

    if no_cache:
        if cache is not None:
            raise click.UsageError("Give either --cache or --no-cache.")
        return None
    if cache is not None:
        return cache
    try:
        return Cache(default_folder()).folder
    except UserError:
        return None
