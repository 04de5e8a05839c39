"""The images of both domains: the same telescope, cleaned alike, of showers of one kind."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..config.refine import RefineConfig, RefineDataConfig
from ..data.events import Events, among, read_events
from ..dl1.cleaning import CleaningSettings, infer_cleaning, reproduce
from ..dl1.primaries import check_primaries
from ..dl1.selection import ImageSelection
from ..errors import UserError
from ..intensity import IntensityTransform
from ..labels import LabelSet
from ..training.folder import STORE

log = logging.getLogger(__name__)

#: Images of each domain from which scales are taken.
_N_FITTED = 5000
_N_CLEANED = 1000


@dataclass(frozen=True)
class Domains:
    """Events of both domains, all that triggered.

    Attributes
    ----------
    source : Events
        Simulated events whose images are refined.
    target : Events
        Events that they are to look like; their truth is not used.
    labels : LabelSet
        Those that refined images have to keep.
    cleaning : CleaningSettings
        Tail cuts of both.
    selection : ImageSelection or None
        Which images critics compare; None if all.
    """

    source: Events
    target: Events
    labels: LabelSet
    cleaning: CleaningSettings
    selection: ImageSelection | None

    @classmethod
    def read(cls, config: RefineConfig) -> "Domains":
        """Read both domains, their pixels in stores.

        Raises
        ------
        UserError
            If files are missing or unreadable, or the domains do not suit each other.
        """
        data, store = config.data, config.data.store or config.output / STORE
        for key in ("source", "target"):
            if not getattr(data, key):
                raise UserError(
                    f"data.{key}: names no file; list DL1 files or folders there, or give --{key}."
                )
        source = _read(data, data.source, config.seed, store)
        primary_ids = np.asarray(source.labels["true_shower_primary_id"])
        check_primaries(primary_ids, config.particle, source.sources[0])
        target = _read(data, data.target, config.seed, store)
        _check_alike(source, target)
        cleaning, selection = _common_cleaning(source, target), None
        if data.quality_criteria:
            given = source.sources[0], source.camera, cleaning, "data.quality_criteria"
            selection = ImageSelection.of_file(data.quality_criteria, *given)
        labels = LabelSet.fit(config.labels, source.labels)
        log.info(
            "%d images of the source, %d of the target, %s; labels: %s",
            len(source),
            len(target),
            source.camera.name,
            ", ".join(labels.names),
        )
        return cls(source, target, labels, cleaning, selection)

    def fit_intensity(self) -> IntensityTransform:
        """Scales for both domains; what has no signal is drawn as in the target."""
        samples = [events.sample(_N_FITTED) for events in (self.source, self.target)]
        neighbors = self.source.camera.geometry.neighbor_matrix_sparse
        channels = self.source.channels
        pixels, masks = (
            np.concatenate([getattr(sample, name) for sample in samples])
            for name in ("pixels", "masks")
        )
        both = IntensityTransform.fit(pixels, masks, channels, neighbors)
        own = IntensityTransform.fit(samples[1].pixels, samples[1].masks, channels, neighbors)
        dark = ("noise_charges", "noise_times", "pedestal")
        return replace(both, **{name: getattr(own, name) for name in dark})


def _read(data: RefineDataConfig, files: list[Path], seed: int, store: Path) -> Events:
    return read_events(
        files,
        channels=data.channels,
        tel_type=data.tel_type,
        max_events=data.max_events,
        seed=seed,
        store=store,
    )


def _check_alike(source: Events, target: Events) -> None:
    where = target.sources[0]
    if not source.camera.same_as(target.camera):
        raise UserError(
            f"data.target: {where} has the camera {target.camera.name}, {source.sources[0]} has "
            f"{source.camera.name}; both domains need the same pixels and focal length."
        )
    n_shared = int(np.count_nonzero(among(target.labels, source.labels)))
    if n_shared:
        raise UserError(
            f"data.target: {n_shared} events of {where} and the other files are in data.source, "
            "too; name files of another domain."
        )


def _common_cleaning(source: Events, target: Events) -> CleaningSettings:
    """Tail cuts that reproduce the masks of both domains as well as each one's own."""
    geometry = source.camera.geometry
    samples = [events.sample(_N_CLEANED) for events in (source, target)]
    charges = [sample.pixels[..., 0] for sample in samples]
    masks = [sample.masks for sample in samples]
    found = infer_cleaning(np.concatenate(charges), np.concatenate(masks), geometry)
    if all(reproduce(found, *pair, geometry) for pair in zip(charges, masks, strict=True)):
        return found
    own = (infer_cleaning(*pair, geometry) for pair in zip(charges, masks, strict=True))
    cuts = (f"picture {s.picture:g}, boundary {s.boundary:g} p.e." for s in own)
    raise UserError(
        "data: images of source and target were cleaned with different tail cuts "
        f"({' and '.join(cuts)}); process both with one configuration."
    )
