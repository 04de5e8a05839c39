"""Which generator fills which share of the generated images, and as which class."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..config.augment import GanAugmentConfig
from ..config.region import Region
from ..errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Primaries:
    """Particles in CTLearn's signal and background files, as CORSIKA ids (0 gamma, 101 proton)."""

    signal: frozenset[int]
    background: frozenset[int]

    @classmethod
    def from_reader(cls, reader) -> "Primaries":
        """Read the ids from a DLDataReader's example identifiers."""
        ids = np.asarray(reader.example_identifiers["true_shower_primary_id"])
        is_signal = np.asarray(reader.example_identifiers["true_shower_primary_class"]) == 1
        return cls(_ids(ids[is_signal]), _ids(ids[~is_signal]))

    def is_signal(self, bundle) -> bool:
        """Whether a bundle's images belong to the signal class.

        The primary ids of its training events decide; where they do not (another particle than
        in any file, or one in both lists), gammas are signal and all others background.
        """
        ids = _ids(bundle.label_table["true_shower_primary_id"])
        like_signal, like_background = bool(ids & self.signal), bool(ids & self.background)
        if like_signal != like_background:
            return like_signal
        return bundle.meta.particle == "gamma"


@dataclass(frozen=True)
class MixedRegion:
    """One region with the bundle that fills it.

    Attributes
    ----------
    region : Region
        Where in label space.
    bundle : Bundle
        Generator to use.
    is_signal : bool
        Class of the images: index 1 of CTLearn's one-hot type label if true.
    share : float
        Part of the generated images; all shares add up to 1.
    """

    region: Region
    bundle: object
    is_signal: bool
    share: float


def plan_regions(
    block: GanAugmentConfig, bundles: Mapping[str, object], primaries: Primaries
) -> list[MixedRegion]:
    """Choose regions and shares for a training.

    A training without background files (energy, direction) has signal images only, so regions
    of background generators are left out with a warning: the same block then serves all the
    trainings of an analysis.

    Raises
    ------
    UserError
        If no region is left.
    """
    chosen, ignored = [], []
    for region in block.complete_regions():
        bundle = bundles[region.particle]
        is_signal = primaries.is_signal(bundle)
        fits = is_signal or primaries.background
        (chosen if fits else ignored).append((region, bundle, is_signal))
    _report_unused(block, chosen, ignored)
    parts = _parts([region for region, _, _ in chosen], block.total_fraction)
    return [
        MixedRegion(*region, share=part / sum(parts))
        for region, part in zip(chosen, parts, strict=True)
    ]


def _parts(regions: Sequence[Region], fraction: float) -> list[float]:
    """Part of a batch for every region, up to a common factor.

    Regions without a fraction of their own divide by weight what the others leave.
    """
    left = fraction - sum(region.fraction or 0.0 for region in regions)
    weights = sum(region.weight for region in regions if region.fraction is None)
    return [region.fraction or left * region.weight / weights for region in regions]


def _report_unused(block: GanAugmentConfig, chosen: Sequence, ignored: Sequence) -> None:
    names = sorted({region.particle for region, _, _ in ignored})
    if not chosen:
        raise UserError(
            f"gan_augment: the training has signal files only, of another particle than the "
            f"generators ({', '.join(names)}); add a generator of the signal's particle or give "
            "background files."
        )
    for name in names:
        log.warning(
            "gan_augment: generator '%s' is left out: this training has no background files.", name
        )
    used = {region.particle for region, _, _ in chosen} | set(names)
    for name in block.generators.keys() - used:
        log.warning("gan_augment: generator '%s' is not used: no region names it.", name)


def _ids(column) -> frozenset[int]:
    values = np.unique(np.asarray(column, dtype=float))
    return frozenset(int(value) for value in values[np.isfinite(values)])
