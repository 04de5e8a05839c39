"""From a ``gan_augment:`` block and CTLearn's reader to a source of generated images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..bundle import load_bundle
from ..camera import Camera
from ..config.augment import SIMULATION, GanAugmentConfig
from ..data.feed import StoreFeed
from ..dl1.selection import ImageSelection
from ..refiner import Refiner, load_refiner
from ..sampling.choice import new_sampler
from ..sampling.fill import Cells, lacking
from ..sampling.generate import NumberedImages
from ..sampling.refine import RefinedSampler
from ..sampling.regions import check_domain, sample_labels
from ..sampling.tasks import check_labels
from .batch_plan import BatchPlan
from .compatibility import (
    check_camera,
    check_channels,
    check_particle,
    warn_of_differences,
)
from .label_chunks import CHUNK_SIZE, DrawnLabels, FilledLabels, LabelChunks
from .plan import MixedRegion, Primaries, plan_regions
from .resampling import RefinedDraws, ResampledStream, SimulatedEvents
from .source import SyntheticSource
from .stream import ReaderFormat, RegionStream


@dataclass(frozen=True)
class Training:
    """The simulated side of a mixed training.

    Attributes
    ----------
    loader : DLDataLoader
        CTLearn's training loader, in mono mode.
    tasks : sequence of str
        CTLearn's reconstruction tasks.
    plan : BatchPlan
        Numbers of images in a batch.
    feed : StoreFeed, optional
        The loader's events from a store; simulated events can be drawn again only from there.
    """

    loader: object
    tasks: Sequence[str]
    plan: BatchPlan
    feed: StoreFeed | None = None

    @property
    def reader(self):
        """CTLearn's reader."""
        return self.loader.DLDataReader

    @property
    def n_generated(self) -> int:
        """Generated images of an epoch at full strength."""
        return self.plan.n_generated * (len(self.loader.indices) // self.plan.n_simulated)


def load_bundles(block: GanAugmentConfig) -> dict[str, object]:
    """Load the block's generators by particle."""
    paths = {name: path for name, path in block.generators.items() if str(path) != SIMULATION}
    bundles = {name: load_bundle(path) for name, path in paths.items()}
    for name, bundle in bundles.items():
        check_particle(name, bundle)
    load_refiners(block, bundles)  # refuses those that do not suit
    return bundles


def load_refiners(block: GanAugmentConfig, bundles: Mapping[str, object]) -> dict[str, Refiner]:
    """Load the block's refiners by the name of the generator whose images they refine.

    Raises
    ------
    UserError
        If one is none, or does not suit its generator.
    """
    refiners = {name: load_refiner(path) for name, path in block.refiners.items()}
    for name, refiner in refiners.items():
        if name in bundles:
            refiner.check_generator(bundles[name])
    return refiners


def synthetic_source(
    block: GanAugmentConfig, bundles: Mapping[str, object], training: Training
) -> SyntheticSource:
    """Set up the generated images of a training.

    Parameters
    ----------
    block : GanAugmentConfig
        The user's block.
    bundles : mapping of str to Bundle
        From `load_bundles`.
    training : Training
        What they are mixed into.

    Raises
    ------
    UserError
        If a bundle does not fit the training, or a region its bundle.
    """
    if not block.total_fraction:
        return SyntheticSource([])
    camera = reader_camera(training.reader)
    origins = {
        name: bundles.get(name) or SimulatedEvents.of(name, camera, training.loader)
        for name in block.generators
    }
    regions = plan_regions(block, origins, Primaries.from_reader(training.reader))
    used = {id(region.bundle) for region in regions}
    refiners = load_refiners(block, bundles)
    refiners = {id(origins[name]): refiner for name, refiner in refiners.items()}
    bundles = {id(bundle): bundle for bundle in bundles.values() if id(bundle) in used}
    _check(bundles.values(), camera, training)
    samplers = {key: _sampler(block, bundle, refiners.get(key)) for key, bundle in bundles.items()}
    streams = [
        _generated(block, region, number, samplers[id(region.bundle)], training)
        if id(region.bundle) in samplers
        else _drawn_again(block, region, number, training, refiners.get(id(region.bundle)))
        for number, region in enumerate(regions)
    ]
    return SyntheticSource(streams)


def _sampler(block: GanAugmentConfig, bundle, refiner: Refiner | None) -> NumberedImages:
    sampler = sampler_of(bundle, block.seed, block.reject.candidates)
    return RefinedSampler(sampler, refiner) if refiner else sampler


def _drawn_again(
    block: GanAugmentConfig,
    region: MixedRegion,
    number: int,
    training: Training,
    refiner: Refiner | None,
) -> ResampledStream:
    n_wanted = region.share * training.n_generated
    refined = None
    if refiner:
        origin = training.reader, region.bundle.camera
        refined = RefinedDraws.of(refiner, *origin, block.seed)
    return ResampledStream(region, number, block.seed, training.feed, n_wanted, refined)


def _check(bundles: Iterable, camera: Camera, training: Training) -> None:
    for bundle in bundles:
        check_camera(bundle, camera)
        check_channels(bundle, training.reader.channels)
        check_labels(bundle, training.tasks)
        warn_of_differences(bundle, training.reader)


def _generated(
    block: GanAugmentConfig,
    region: MixedRegion,
    number: int,
    sampler: NumberedImages,
    training: Training,
) -> RegionStream:
    return RegionStream(
        region=region,
        number=number,
        seed=block.seed,
        sampler=sampler,
        labels=_labels(block, region, training),
        selection=_selection(training.reader, region.bundle),
        form=ReaderFormat(tuple(training.reader.channels), tuple(training.tasks)),
    )


def _labels(block: GanAugmentConfig, region: MixedRegion, training: Training) -> LabelChunks:
    if region.region.spectrum.kind != "fill":
        return DrawnLabels(partial(_draw, region, block.extrapolate))
    if not block.extrapolate:
        check_domain(region.bundle, region.region)
    cells = Cells.of(region.bundle, region.region)
    events = training.reader.example_identifiers[training.loader.indices]
    is_signal = np.asarray(events["true_shower_primary_class"]) == 1
    counts = cells.counts(region.bundle.camera, events[is_signal == region.is_signal])
    missing = lacking(counts, cells.wanted(), region.share * training.n_generated)
    return FilledLabels(region.bundle, cells, missing)


def reader_camera(reader) -> Camera:
    """The camera of a reader's files, with the geometry as in the file.

    The reader's own geometry has been derotated by its image mapper.
    """
    from ctapipe.instrument import SubarrayDescription

    subarray = SubarrayDescription.from_hdf(
        reader.first_file, focal_length_choice=reader.focal_length_choice
    )
    return Camera.from_subarray(subarray, reader.tel_ids[0])


def sampler_of(bundle, seed: int, candidates: int) -> NumberedImages:
    """Makes a bundle's images by number."""
    return new_sampler(bundle, seed, CHUNK_SIZE, candidates)


def _draw(region: MixedRegion, extrapolate: bool, n: int, rng: np.random.Generator):
    return sample_labels(region.bundle, region.region, n, rng, extrapolate=extrapolate)


def _selection(reader, bundle) -> ImageSelection:
    selection = ImageSelection(
        reader.quality_query.quality_criteria,
        reader.dl1b_parameter_colnames,
        bundle.camera,
        bundle.cleaning,
    )
    selection.check(bundle.label_table.colnames)
    return selection
