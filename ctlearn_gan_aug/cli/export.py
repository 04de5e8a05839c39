"""``ctlearn-gan export``: generated images into a DL1 file."""

from pathlib import Path

import click

from .options import candidates_option, refine_option, region_options, seed_option


@click.command("export", short_help="Write generated images to a DL1 file.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--n-events", type=click.IntRange(min=1), help="Number of events to generate.")
@region_options
@click.option(
    "--labels-from",
    type=click.Path(path_type=Path),
    metavar="FILE.dl1.h5",
    help="Instead: one image per image of this file, with its labels, runs and event ids.",
)
@click.option(
    "--images-from",
    type=click.Path(path_type=Path),
    metavar="FILE.dl1.h5",
    help="Instead: this simulated file with its images refined by BUNDLE, a refiner.",
)
@refine_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="DL1 file to write, e.g. synthetic.dl1.h5.",
)
@seed_option()
@candidates_option
@click.option(
    "--shard",
    metavar="I/N",
    help="Write part I of N, for job arrays; all parts together are the whole export.",
)
@click.option("--extrapolate", is_flag=True, help="Allow labels outside the training domain.")
@click.option(
    "--compression",
    type=click.Choice(["zstd", "lz4", "zlib"]),
    help="Compressor of the event tables; default: as in the training files.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and stop.")
@click.pass_context
def command(
    context,
    bundle,
    n_events,
    energy,
    offset,
    spectrum,
    labels_from,
    images_from,
    refine,
    output,
    seed,
    candidates,
    shard,
    extrapolate,
    compression,
    overwrite,
    dry_run,
):
    """Write images that BUNDLE generates to a DL1 file, marked as synthetic.

    Either draw labels for --n-events new events, or take them from the images of a DL1 file. With
    --images-from BUNDLE is a refiner, and the images are those of a simulated file, refined.
    """
    _check_usage(context, n_events, labels_from, images_from)
    from ..logs import set_up_logging

    set_up_logging()
    from ..export.refined_file import plan_refined_file
    from ..export.run import plan_export
    from ..shard import Shard
    from .options import region_of

    if images_from is not None:
        plan = plan_refined_file(bundle, images_from, output, seed=seed, overwrite=overwrite)
    else:
        plan = plan_export(
            bundle,
            output,
            n_events=n_events,
            region=region_of(energy, offset, spectrum) if labels_from is None else None,
            labels_from=labels_from,
            seed=seed,
            candidates=candidates,
            shard=Shard.parse(shard) if shard else None,
            extrapolate=extrapolate,
            compression=compression,
            overwrite=overwrite,
            refine=refine,
        )
    click.echo(plan.summary())
    if dry_run:
        return
    from ..progress import image_progress

    with image_progress("refining" if images_from else "generating", plan.n_images) as advance:
        plan.write(advance)
    click.echo(f"{output}: {plan.n_images} {'refined' if images_from else 'synthetic'} images.")


#: Options of new events, and those of all generated images.
_OF_EVENTS = ("energy", "offset", "spectrum", "shard", "extrapolate")
_OF_GENERATED = ("refine", "candidates", "compression")


def _check_usage(context: click.Context, n_events, labels_from, images_from) -> None:
    """Refuse options that contradict each other, as wrong usage (exit code 2)."""
    if sum(value is not None for value in (n_events, labels_from, images_from)) != 1:
        raise click.UsageError("Give one of --n-events, --labels-from and --images-from.")
    if n_events is not None:
        return
    other = "--labels-from" if images_from is None else "--images-from"
    for name in _OF_EVENTS:
        if _is_given(context, name):
            raise click.UsageError(f"--{name} goes with --n-events, not with {other}.")
    for name in _OF_GENERATED if images_from is not None else ():
        if _is_given(context, name):
            raise click.UsageError(f"--{name} goes with generated images, not with {other}.")


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
