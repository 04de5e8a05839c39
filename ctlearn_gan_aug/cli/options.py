"""Options that several commands share."""

from pathlib import Path

import click

from ..config.base import parse
from ..config.region import Region
from ..config.values import MAX_SEED


def seed_option(default: int | None = 0, help: str | None = None):
    """``--seed``, from 0 to the largest that every random generator takes."""
    kind = click.IntRange(0, MAX_SEED)
    shown = default is not None
    return click.option("--seed", type=kind, default=default, show_default=shown, help=help)


#: ``--candidates``, as many as `sampling.choice.MAX_CANDIDATES`.
candidates_option = click.option(
    "--candidates",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Images of equal labels that the bundle's critic chooses one from.",
)


#: ``--refine``, a refiner that generated images go through.
refine_option = click.option(
    "--refine",
    type=click.Path(path_type=Path),
    metavar="REFINER",
    help="Refine the images with this bundle of ctlearn-gan refine.",
)


def region_options(function):
    """Add ``--energy``, ``--offset`` and ``--spectrum``."""
    options = [
        click.option("--energy", nargs=2, metavar="LOW HIGH", help='e.g. "3 TeV" "30 TeV"'),
        click.option("--offset", nargs=2, metavar="LOW HIGH", help='e.g. "0 deg" "1 deg"'),
        click.option(
            "--spectrum",
            default="empirical",
            show_default=True,
            help="index=-2, empirical (as the training events) or uniform (in log E)",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def region_of(energy, offset, spectrum) -> Region:
    """The region that the options describe."""
    content = {"spectrum": spectrum}
    if energy:
        content["energy"] = energy
    if offset:
        content["offset"] = offset
    return parse(Region, content, "region")
