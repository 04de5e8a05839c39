"""``ctlearn-gan train``: DL1 in, generator bundle out."""

from pathlib import Path

import click

from .options import seed_option


@click.command("train", short_help="Train a generator from DL1 files.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=click.Path(),
    help="DL1 file or folder, repeatable; overrides data.files.",
)
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
def command(config, inputs, output, budget, seed, resume, overwrite, dry_run):
    """Train a generator of one particle's images as CONFIG (YAML) says.

    The bundle is written to OUTPUT/bundle, sample images, losses and checkpoints beside it.
    """
    from ..config.base import dump_yaml, load_yaml, parse
    from ..config.train import TrainConfig

    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other.")
    content = load_yaml(config)
    override(content, output, budget, seed)
    override_section(content, "data", files=list(inputs))
    resolved = parse(TrainConfig, content, config)
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


def override(content: dict, output, budget, seed) -> None:
    """Put command line options into the configuration's places."""
    if output is not None:
        content["output"] = output
    if seed is not None:
        content["seed"] = seed
    if budget is not None:
        for name in ("steps", "epochs"):
            _section(content, "training").pop(name, None)
        override_section(content, "training", budget=budget)


def override_section(content: dict, name: str, **values) -> None:
    """Put values into a section, those that are not empty."""
    given = {key: value for key, value in values.items() if value}
    if given:
        _section(content, name).update(given)


def _section(content: dict, name: str) -> dict:
    section = content.setdefault(name, {})
    return section if isinstance(section, dict) else {}
