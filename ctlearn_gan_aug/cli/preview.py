"""``ctlearn-gan preview``: camera images for chosen labels."""

from pathlib import Path

import click

from .options import seed_option


@click.command("preview", short_help="Draw generated camera images.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--energy", help='e.g. "5 TeV"; default: over the training domain')
@click.option("--offset", help='angle from the camera centre, e.g. "0.5 deg"; default: any')
@click.option("--n-images", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option("--code", type=int, help="Show what this code of the generator (InfoGAN) does.")
@seed_option()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--extrapolate", is_flag=True, help="Allow labels outside the training domain.")
def command(bundle, energy, offset, n_images, code, seed, output, overwrite, extrapolate):
    """Draw images that BUNDLE generates, as a PNG."""
    import numpy as np

    from ..config.base import parse
    from ..config.region import Region
    from ..files import check_new
    from ..logs import set_up_logging
    from ..units import quantity

    limits = {}
    if energy is not None:
        value = quantity(energy, "TeV")
        limits["energy"] = (value * 0.999, value * 1.001)
    if offset is not None:
        value = quantity(offset, "deg")
        limits["offset"] = (max(0.0, value - 0.05), value + 0.05)
    region = parse(Region, {**limits, "spectrum": "uniform"}, "region")
    check_new(output, overwrite)
    set_up_logging()

    from ..bundle import load_bundle
    from ..plotting import draw_pairs, source_positions
    from ..sampling.generate import Sampler
    from ..sampling.regions import sample_labels

    opened = load_bundle(bundle)
    labels = sample_labels(opened, region, n_images, np.random.default_rng(seed), extrapolate)
    labels.sort("true_energy")
    images, titles, columns = _images(Sampler(opened, seed), labels, code)
    draw_pairs(
        output,
        opened.camera.geometry,
        images,
        titles=titles,
        source_xy=source_positions(labels).repeat(len(images) // len(labels), axis=0),
        channels=opened.meta.channels,
        columns=columns,
        heading=f"{opened.meta.particle}, {opened.camera.name} (generated)",
    )
    click.echo(f"Images: {output}")


def _images(sampler, labels, code):
    """Images with their titles, and how many stand in a line: those of one event for a code."""
    from ..plotting import event_titles

    titles = event_titles(labels)
    if code is None:
        return sampler.generate(labels), titles, 4

    from ..sampling.codes import scan_code

    images, values = scan_code(sampler, labels, code)
    titles = [f"{title}, code {value:g}" for title in titles for value in values]
    return images.reshape(-1, *images.shape[2:]), titles, len(values)
