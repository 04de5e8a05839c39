"""What commands that train a network by a configuration have in common."""

from pathlib import Path

import click

from .options import seed_option


def run_options(function):
    """Add CONFIG, ``--output``, ``--budget``, ``--seed``, ``--resume`` and the like."""
    options = [
        click.argument("config", type=click.Path(path_type=Path)),
        click.option("--output", type=click.Path(), help="Run folder; overrides output."),
        click.option(
            "--budget", help='Wall time such as "60 min"; overrides the length in CONFIG.'
        ),
        seed_option(None, help="Overrides seed."),
        click.option(
            "--resume",
            is_flag=True,
            help="Go on from the checkpoint in the run folder, or start if there is none yet.",
        ),
        click.option("--overwrite", is_flag=True, help="Replace an earlier run in the run folder."),
        click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def resolve(section, config: Path, files: dict[str, tuple], output, budget, seed):
    """The configuration in a file with command line options in their places.

    Parameters
    ----------
    section : type
        Of the configuration.
    config : Path
        YAML file.
    files : dict of str to tuple
        Files by their key of the section ``data``; empty ones override nothing.
    output, budget, seed
        As given; None overrides nothing.
    """
    from ..config.base import load_yaml, parse

    content = load_yaml(config)
    given = {"output": output, "seed": seed}
    content |= {name: value for name, value in given.items() if value is not None}
    if budget is not None:
        training = _section(content, "training")
        for name in ("steps", "epochs"):
            training.pop(name, None)
        training["budget"] = budget
    for name, paths in files.items():
        if paths:
            _section(content, "data")[name] = list(paths)
    return parse(section, content, config)


def _section(content: dict, name: str) -> dict:
    section = content.setdefault(name, {})
    return section if isinstance(section, dict) else {}  # `parse` refuses what is none
