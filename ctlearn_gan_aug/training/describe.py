"""The description of a trained generator for its bundle."""

import uuid
from dataclasses import asdict
from importlib.metadata import version

from ..bundle import FORMAT_VERSION, BundleMeta
from ..config.train import TrainConfig
from ..data.events import Events
from ..data.fingerprint import events_digest
from ..dl1.cleaning import infer_cleaning
from ..intensity import IntensityTransform
from ..labels import LabelSet

_SOFTWARE = ("ctlearn-gan-aug", "ctlearn", "dl1-data-handler", "ctapipe", "tensorflow", "keras")
_MAX_IMAGES = 1000


def describe(
    config: TrainConfig,
    events: Events,
    labels: LabelSet,
    intensity: IntensityTransform,
) -> BundleMeta:
    """All that a user of the generator needs to know of how it came to be."""
    sample = events.sample(_MAX_IMAGES)
    charges = sample.pixels[..., sample.channels.index("image")]
    cleaning = infer_cleaning(charges, sample.masks, events.camera.geometry)
    fingerprint = events_digest(events)
    return BundleMeta(
        format_version=FORMAT_VERSION,
        bundle_id=str(uuid.uuid5(uuid.NAMESPACE_OID, fingerprint + config.model_dump_json())),
        particle=config.particle,
        camera=events.camera.name,
        tel_id=events.camera.tel_id,
        focal_length_choice=events.focal_length_choice,
        channels=list(events.channels),
        labels=labels.to_dict(),
        intensity=intensity.to_dict(),
        generator=config.generator,
        quality_criteria=config.data.quality_criteria,
        cleaning=asdict(cleaning),
        software={name: _version(name) for name in _SOFTWARE},
        data={
            "files": [path.name for path in events.sources],
            "sha256": fingerprint,
            "n_events": len(events),
        },
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"
