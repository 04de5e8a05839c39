"""``ctlearn-gan export``: generated images into a DL1 file."""

from pathlib import Path

import click

from .options import candidates_option, region_options, seed_option


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

    Either draw labels for --n-events new events, or take them from the images of a DL1 file.
    """
    _check_usage(context, n_events, labels_from)
    from ..logs import set_up_logging

    set_up_logging()
    from ..export.run import plan_export
    from ..shard import Shard
    from .options import region_of

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
    )
    click.echo(plan.summary())
    if dry_run:
        return
    from ..progress import image_progress

    with image_progress("generating", plan.labels.n_images) as advance:
        plan.write(advance)
    click.echo(f"{output}: {plan.labels.n_images} synthetic images.")


def _check_usage(context: click.Context, n_events: int | None, labels_from: Path | None) -> None:
    """Refuse options that contradict each other, as wrong usage (exit code 2)."""
    if (n_events is None) == (labels_from is None):
        raise click.UsageError("Give either --n-events or --labels-from.")
    for name in ("energy", "offset", "spectrum", "shard", "extrapolate"):
        given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if labels_from is not None and given:
            raise click.UsageError(f"--{name} goes with --n-events, not with --labels-from.")
