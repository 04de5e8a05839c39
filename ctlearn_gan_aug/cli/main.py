"""Entry point: finds commands by name and imports only the one that runs."""

import importlib
import os
import sys

import click

from .. import __version__
from ..errors import find_no_space, find_user_error

#: Command name to module of this package; each module holds one click command, ``command``.
COMMANDS = {
    "demo": "demo",
    "simulate": "simulate",
    "train": "train",
    "refine": "refine",
    "evaluate": "evaluate",
    "export": "export",
    "regions": "regions",
    "train-model": "train_model",
    "reservoir": "reservoir",
    "study": "study",
    "preview": "preview",
    "info": "info",
    "benchmark": "benchmark",
    "config": "config",
}


class LazyGroup(click.Group):
    """Imports a command's module when it is asked for."""

    def list_commands(self, context):
        """Names of all commands, in the order of use."""
        return list(COMMANDS)

    def get_command(self, context, name):
        """Import one command."""
        if name not in COMMANDS:
            return None
        return importlib.import_module(f".{COMMANDS[name]}", __package__).command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ctlearn-gan")
def cli():
    """Label-conditioned GANs that augment CTLearn's training data."""
    # Figures are files: the backend of a notebook that started us may not even be installed here.
    os.environ["MPLBACKEND"] = "agg"


def main():
    """Run the command line; a user's error becomes one sentence and exit code 1."""
    try:
        cli()
    except Exception as error:
        known = find_user_error(error)
        if known is None and find_no_space(error):
            known = f"{error} (free some space or choose another place)."
        if known is None:
            raise
        click.echo(f"Error: {known}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
