"""``ctlearn-gan benchmark``: what this machine makes of a configuration or a bundle."""

from pathlib import Path

import click


@click.command("benchmark", short_help="Measure the speed of training and generation.")
@click.argument("target", default="gamma")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="DL1 file or folder to train on, repeatable; overrides data.files.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Training steps to time.")
@click.option("--batch-size", type=click.IntRange(min=2), help="Overrides training.batch_size.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(target, inputs, steps, batch_size, as_json):
    """Measure TARGET: a bundle, a configuration (YAML) or the name of a shipped one.

    A configuration is trained for a few steps, on toy data if it names no files, without an
    auxiliary that would have to be trained first. Rates stand beside the arithmetic they need and
    the matrix products that this machine can do.
    """
    import dataclasses
    import json

    from rich.console import Console

    from ..logs import set_up_logging
    from .backend import need_tensorflow

    set_up_logging()
    need_tensorflow()
    from ..benchmark import benchmark
    from ..progress import stage_progress

    with stage_progress("benchmark") as progress:
        speed = benchmark(target, list(inputs), steps, batch_size, progress)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(speed), indent=2))
        return
    Console().print(_table(target, speed))


def _table(target: str, speed):
    """Rates with arithmetic per image and fraction of the peak."""
    import rich.table

    table = rich.table.Table(title=target)
    for name in ("", "images/s", "MFLOP/image"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for name, peak in speed.peak.items():
        table.add_column(f"of {peak / 1e9:.0f} GFLOP/s {name}", justify="right")
    rows = {}
    if speed.training:
        rows["training"] = speed.training["images_per_second"], speed.training["flops"]
    for name, entry in speed.generation.items():
        flops = speed.generation_flops["as_used"]
        rows[f"generation, {name.replace('_', ' ')}"] = entry["images_per_second"], flops
    for name, (rate, flops) in rows.items():
        parts = [f"{rate * flops / peak:.1%}" for peak in speed.peak.values()]
        table.add_row(name, f"{rate:.1f}", f"{flops / 1e6:.1f}", *parts)
    unfolded = speed.generation_flops["as_trained"] / 1e6
    table.caption = f"generation without folding: {unfolded:.1f} MFLOP/image"
    return table
