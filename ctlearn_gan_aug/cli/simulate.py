"""``ctlearn-gan simulate``: toy showers into a DL1 file."""

from pathlib import Path

import click


@click.command("simulate", short_help="Simulate toy showers into a DL1 file.")
@click.option("--particle", type=click.Choice(["gamma", "proton"]), required=True)
@click.option(
    "--n-events",
    type=click.IntRange(min=1),
    required=True,
    help="Number of triggered events to write.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 10**9 - 1),
    default=0,
    show_default=True,
    help="The same seed gives the same events; different seeds give files that merge.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="DL1 file to write, e.g. gamma.dl1.h5.",
)
@click.option(
    "--camera",
    type=click.Choice(
        ["toy", "hex127", "hex271", "hex1039", "hex1855", "square2048", "square11328"]
    ),
    default="toy",
    show_default=True,
    help="Shape and number of pixels; the usual camera has 1069 hexagonal ones.",
)
@click.option(
    "--night-sky",
    type=float,
    default=1.0,
    show_default=True,
    help="Fluctuations of the night sky, as a multiple of the usual ones.",
)
@click.option(
    "--point-spread",
    default="0.035 deg",
    show_default=True,
    help="Of the optics, per axis.",
)
@click.option(
    "--trigger",
    type=float,
    default=5.0,
    show_default=True,
    help="Threshold of a pixel of the usual size, p.e.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def command(
    particle: str,
    n_events: int,
    seed: int,
    output: Path,
    camera: str,
    night_sky: float,
    point_spread: str,
    trigger: float,
    overwrite: bool,
) -> None:
    """Simulate toy showers seen by a toy telescope into a DL1 file.

    Quick to make and plausible to look at, for trying out the other commands. It is not a physics
    simulation: draw no conclusion about real telescopes from it.
    """
    from ..data.toy.conditions import Conditions
    from ..data.toy.simulate import simulate
    from ..progress import image_progress
    from ..units import quantity

    conditions = Conditions(night_sky, quantity(point_spread, "deg"), trigger)
    with image_progress(f"toy {particle}s", n_events) as advance:
        result = simulate(particle, n_events, seed, output, overwrite, advance, camera, conditions)
    click.echo(
        f"{output}: {result.n_events} toy {particle} events (TOY simulation, not physics) of "
        f"{result.n_thrown} thrown, obs_id {result.obs_id}."
    )
