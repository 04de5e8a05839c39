"""From a ``gan_augment:`` block and CTLearn's reader to a source of generated images."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from ..bundle import load_bundle
from ..camera import Camera
from ..config.augment import GanAugmentConfig
from ..sampling.generate import Sampler
from ..sampling.regions import sample_labels
from .compatibility import (
    check_camera,
    check_channels,
    check_labels,
    check_particle,
    warn_of_differences,
)
from .plan import MixedRegion, Primaries, plan_regions
from .selection import GeneratedSelection
from .source import SyntheticSource
from .stream import CHUNK_SIZE, Generate, ReaderFormat, RegionStream


def load_bundles(block: GanAugmentConfig) -> dict[str, object]:
    """Load the block's generators by particle."""
    bundles = {name: load_bundle(path) for name, path in block.generators.items()}
    for name, bundle in bundles.items():
        check_particle(name, bundle)
    return bundles


def synthetic_source(
    block: GanAugmentConfig,
    bundles: Mapping[str, object],
    reader,
    tasks: Sequence[str],
    per_batch: int,
) -> SyntheticSource:
    """Set up the generated images of a training.

    Parameters
    ----------
    block : GanAugmentConfig
        The user's block.
    bundles : mapping of str to Bundle
        From `load_bundles`.
    reader : DLImageReader
        CTLearn's reader, in mono mode.
    tasks : sequence of str
        CTLearn's reconstruction tasks.
    per_batch : int
        Generated images in every batch.

    Raises
    ------
    UserError
        If a bundle does not fit the training, or a region its bundle.
    """
    form = ReaderFormat(tuple(reader.channels), tuple(tasks))
    regions = plan_regions(block, bundles, Primaries.from_reader(reader))
    camera = reader_camera(reader)
    for bundle in {id(region.bundle): region.bundle for region in regions}.values():
        check_camera(bundle, camera)
        check_channels(bundle, form.channels)
        check_labels(bundle, tasks)
        warn_of_differences(bundle, reader)
    generate = {id(r.bundle): generator_of(r.bundle, block.seed) for r in regions}
    streams = [
        RegionStream(
            region=region,
            number=number,
            seed=block.seed,
            generate=generate[id(region.bundle)],
            draw_labels=partial(_draw, region, block.extrapolate),
            selection=_selection(reader, region.bundle),
            form=form,
        )
        for number, region in enumerate(regions)
    ]
    return SyntheticSource(streams, per_batch)


def reader_camera(reader) -> Camera:
    """The camera of a reader's files, with the geometry as in the file.

    The reader's own geometry has been derotated by its image mapper.
    """
    from ctapipe.instrument import SubarrayDescription

    subarray = SubarrayDescription.from_hdf(
        reader.first_file, focal_length_choice=reader.focal_length_choice
    )
    return Camera.from_subarray(subarray, reader.tel_ids[0])


def generator_of(bundle, seed: int) -> Generate:
    """A bundle's images by number."""
    return Sampler(bundle, seed, batch_size=CHUNK_SIZE).images


def _draw(region: MixedRegion, extrapolate: bool, n: int, rng: np.random.Generator):
    return sample_labels(region.bundle, region.region, n, rng, extrapolate=extrapolate)


def _selection(reader, bundle) -> GeneratedSelection:
    selection = GeneratedSelection(
        reader.quality_query.quality_criteria,
        reader.dl1b_parameter_colnames,
        bundle.camera,
        bundle.cleaning,
    )
    selection.check(bundle.label_table.colnames)
    return selection
