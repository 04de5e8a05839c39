"""``ctlearn-gan refine``: simulated images made to look like those of another domain."""

from pathlib import Path

import click

from .options import seed_option


def _domain(name: str, text: str):
    return click.option(
        f"--{name}",
        multiple=True,
        type=click.Path(),
        help=f"DL1 file or folder {text}, repeatable; overrides data.{name}.",
    )


@click.command("refine", short_help="Train a refiner of simulated images.")
@click.argument("config", type=click.Path(path_type=Path))
@_domain("source", "of simulated events whose images are refined")
@_domain("target", "of the events that they are to look like")
@click.option("--output", type=click.Path(), help="Run folder; overrides output.")
@click.option("--budget", help='Wall time such as "60 min"; overrides the length in CONFIG.')
@seed_option(None, help="Overrides seed.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the checkpoint in the run folder, or start if there is none yet.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in the run folder.")
@click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop.")
def command(config, source, target, output, budget, seed, resume, overwrite, dry_run):
    """Train a refiner as CONFIG (YAML) says: a CycleGAN from unpaired images of two domains.

    The bundle is written to OUTPUT/bundle. export, preview and train-model refine images with it.
    """
    from ..config.base import dump_yaml, load_yaml, parse
    from ..config.refine import RefineConfig
    from .train import override, override_section

    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other.")
    content = load_yaml(config)
    override(content, output, budget, seed)
    override_section(content, "data", source=list(source), target=list(target))
    resolved = parse(RefineConfig, content, config)
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
