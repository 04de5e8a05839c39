"""``ctlearn-gan preview``: camera images for chosen labels."""

from pathlib import Path

import click

from .options import refine_option, seed_option


@click.command("preview", short_help="Draw generated or refined camera images.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--energy", help='e.g. "5 TeV"; default: over the training domain')
@click.option("--offset", help='angle from the camera centre, e.g. "0.5 deg"; default: any')
@click.option("--n-images", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option("--code", type=int, help="Show what this code of the generator (InfoGAN) does.")
@seed_option()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--extrapolate", is_flag=True, help="Allow labels outside the training domain.")
@refine_option
@click.option(
    "--images-from",
    type=click.Path(path_type=Path),
    metavar="FILE.dl1.h5",
    help="Instead: images of this simulated file, refined by BUNDLE, a refiner.",
)
def command(
    bundle,
    energy,
    offset,
    n_images,
    code,
    seed,
    output,
    overwrite,
    extrapolate,
    refine,
    images_from,
):
    """Draw images that BUNDLE generates, as a PNG.

    With --images-from BUNDLE is a refiner, and images of a simulated file are drawn with what it
    makes of them.
    """
    if images_from is not None and (energy or offset or extrapolate or refine or code is not None):
        raise click.UsageError("--images-from goes with --n-images and --seed only.")
    from ..files import check_new
    from ..logs import set_up_logging

    region = _region(energy, offset)
    check_new(output, overwrite)
    set_up_logging()
    if images_from is None:
        _draw_generated(bundle, region, n_images, code, seed, output, extrapolate, refine)
    else:
        _draw_refined(bundle, images_from, n_images, seed, output)
    click.echo(f"Images: {output}")


def _region(energy, offset):
    from ..config.base import parse
    from ..config.region import Region
    from ..units import quantity

    limits = {}
    if energy is not None:
        value = quantity(energy, "TeV")
        limits["energy"] = (value * 0.999, value * 1.001)
    if offset is not None:
        value = quantity(offset, "deg")
        limits["offset"] = (max(0.0, value - 0.05), value + 0.05)
    return parse(Region, {**limits, "spectrum": "uniform"}, "region")


def _draw_generated(bundle, region, n_images, code, seed, output, extrapolate, refine) -> None:
    import numpy as np

    from ..bundle import load_bundle
    from ..plotting import draw_pairs, source_positions
    from ..refiner import load_refiner
    from ..sampling.choice import new_sampler
    from ..sampling.regions import sample_labels

    opened = load_bundle(bundle)
    sampler = new_sampler(opened, seed, refiner=load_refiner(refine) if refine else None)
    labels = sample_labels(opened, region, n_images, np.random.default_rng(seed), extrapolate)
    labels.sort("true_energy")
    images, titles, columns = _images(sampler, labels, code)
    made = "generated" if refine is None else "generated, refined"
    draw_pairs(
        output,
        opened.camera.geometry,
        images,
        titles=titles,
        source_xy=source_positions(labels).repeat(len(images) // len(labels), axis=0),
        channels=opened.meta.channels,
        columns=columns,
        heading=f"{opened.meta.particle}, {opened.camera.name} ({made})",
    )


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


def _draw_refined(bundle, images_from, n_images, seed, output) -> None:
    import numpy as np

    from ..data.events import read_events
    from ..plotting import draw_pairs, event_titles, source_positions
    from ..refiner import load_refiner
    from ..sampling.refine import ImageRefiner

    refiner = load_refiner(bundle)
    events = read_events([images_from], channels=refiner.meta.channels)
    refiner.check_suits(images_from, events.camera, events.channels)
    chosen = np.random.default_rng(seed).permutation(len(events))[:n_images]
    events = events.select(chosen[np.argsort(np.asarray(events.labels["true_energy"])[chosen])])
    draw_pairs(
        output,
        events.camera.geometry,
        ImageRefiner(refiner, seed)(events.pixels, np.arange(len(events))),
        real=events.pixels,
        titles=event_titles(events.labels),
        source_xy=source_positions(events.labels),
        channels=events.channels,
        heading=f"{refiner.meta.particle}, {refiner.camera.name}",
        names=("simulated", "refined"),
    )
