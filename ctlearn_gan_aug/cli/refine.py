"""``ctlearn-gan refine``: simulated images made to look like those of another domain."""

import click

from .run_options import resolve, run_options


def _domain(name: str, text: str):
    return click.option(
        f"--{name}",
        multiple=True,
        type=click.Path(),
        help=f"DL1 file or folder {text}, repeatable; overrides data.{name}.",
    )


@click.command("refine", short_help="Train a refiner of simulated images.")
@_domain("source", "of simulated events whose images are refined")
@_domain("target", "of the events that they are to look like")
@run_options
def command(config, source, target, output, budget, seed, resume, overwrite, dry_run):
    """Train a refiner as CONFIG (YAML) says: a CycleGAN from unpaired images of two domains.

    The bundle is written to OUTPUT/bundle. export, preview and train-model refine images with it.
    """
    from ..config.base import dump_yaml
    from ..config.refine import RefineConfig

    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other.")
    files = {"source": source, "target": target}
    resolved = resolve(RefineConfig, config, files, output, budget, seed)
    if dry_run:
        click.echo(dump_yaml(resolved), nl=False)
        return

    from ..logs import set_up_logging
    from .backend import need_tensorflow

    set_up_logging()
    need_tensorflow()
    from ..refine.run import refine

    bundle = refine(resolved, resume=resume, overwrite=overwrite)
    click.echo(f"Bundle: {bundle}")
