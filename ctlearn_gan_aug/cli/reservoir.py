"""``ctlearn-gan reservoir``: the generated images of a training made before it."""

import click

from .train_model import CTLEARN_OPTIONS, prepare, run


@click.command("reservoir", short_help="Make a training's generated images.", **CTLEARN_OPTIONS)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Make the generated images of a training with mode: reservoir, before it.

    OPTIONS are those of ctlearn-gan train-model, and --shard i/n for one of n jobs.
    """
    prepare()
    from ..augment.reservoir_tool import MakeReservoir

    run(MakeReservoir(), options)
