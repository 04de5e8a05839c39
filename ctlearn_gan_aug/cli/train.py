"""``ctlearn-gan train``: DL1 in, generator bundle out."""

import click

from .run_options import resolve, run_options


@click.command("train", short_help="Train a generator from DL1 files.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=click.Path(),
    help="DL1 file or folder, repeatable; overrides data.files.",
)
@run_options
def command(config, inputs, output, budget, seed, resume, overwrite, dry_run):
    """Train a generator of one particle's images as CONFIG (YAML) says.

    The bundle is written to OUTPUT/bundle, sample images, losses and checkpoints beside it.
    """
    from ..config.base import dump_yaml
    from ..config.train import TrainConfig

    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other.")
    resolved = resolve(TrainConfig, config, {"files": inputs}, output, budget, seed)
    if dry_run:
        click.echo(dump_yaml(resolved), nl=False)
        return

    from ..logs import set_up_logging
    from .backend import need_tensorflow

    set_up_logging()
    need_tensorflow()
    from ..training.run import train

    bundle = train(resolved, resume=resume, overwrite=overwrite)
    click.echo(f"Bundle: {bundle}")
