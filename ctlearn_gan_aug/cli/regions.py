"""``ctlearn-gan regions``: where generated images would help a CTLearn model."""

from pathlib import Path

import click


def _files(name: str, text: str, required: bool = False):
    kind = click.Path(path_type=Path)
    return click.option(name, multiple=True, required=required, type=kind, help=text)


@click.command("regions", short_help="Find out where a CTLearn model needs more events.")
@click.argument("model", type=click.Path(path_type=Path))
@_files("--signal", "Held-out DL1 file or folder of the signal class, repeatable.", required=True)
@_files("--training", "DL1 file or folder the model was trained on, repeatable.", required=True)
@_files("--background", "As --signal, of the other class, for a model of the type.")
@_files("--training-background", "As --training, of the other class.")
@_files("--config", "CTLearn configuration that the model was trained with, repeatable.")
@_files("--generator", "Generator bundle, one per particle.")
@_files("--evaluation", "Output folder of ctlearn-gan evaluate for a generator, repeatable.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--energy-width",
    type=click.FloatRange(0.05, 1.0),
    default=0.25,
    show_default=True,
    help="Width of a cell in log10 of the energy; the ends of the spectrum get wider ones.",
)
@click.option(
    "--offset-bins",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    help="Number of intervals of offset.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier map in the folder.")
def command(
    model,
    signal,
    training,
    background,
    training_background,
    config,
    generator,
    evaluation,
    output,
    energy_width,
    offset_bins,
    overwrite,
):
    """Map the errors of a CTLearn model beside the number of events it was trained on.

    MODEL is what ctlearn-train-model or ctlearn-gan train-model has saved. Cells of energy and
    offset with few training events, where its errors exceed what well-filled cells let expect, are
    proposed for generated images if the generator is good enough there.

    Writes regions.json, regions.png and gan_augment.yaml, a block for ctlearn-gan train-model.
    """
    if bool(background) != bool(training_background):
        raise click.UsageError("Give both --background and --training-background, or neither.")
    from ..logs import set_up_logging
    from .backend import need_tensorflow

    set_up_logging()
    need_tensorflow()
    from ..guide.run import BLOCK, FIGURE, Files, Request, advise
    from ..guide.table import print_surveys

    request = Request(
        model,
        Files(signal, training),
        Files(background, training_background) if background else None,
        configs=config,
        generators=generator,
        evaluations=evaluation,
        n_offsets=offset_bins,
        energy_width=energy_width,
    )
    advice = advise(request, output, overwrite)
    print_surveys(advice.surveys)
    click.echo(f"Map: {output / FIGURE}")
    click.echo(f"{len(advice.record['regions'])} regions: {output / BLOCK}")
