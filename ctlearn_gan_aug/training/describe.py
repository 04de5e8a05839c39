"""The description of a trained generator for its bundle."""

import hashlib
import uuid
from dataclasses import asdict
from importlib.metadata import version

import keras

from ..bundle import FORMAT_VERSION, BundleMeta, model_weights
from ..config.base import Section
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
    generator: keras.Model,
) -> BundleMeta:
    """All that a user of the generator needs to know of how it came to be."""
    sample = events.sample(_MAX_IMAGES)
    charges = sample.pixels[..., sample.channels.index("image")]
    cleaning = infer_cleaning(charges, sample.masks, events.camera.geometry)
    fingerprint = events_digest(events)
    return BundleMeta(
        format_version=FORMAT_VERSION,
        bundle_id=unique_name(fingerprint, config, generator),
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
        software=software(),
        data=provenance(events, fingerprint),
    )


def provenance(events: Events, fingerprint: str) -> dict:
    """Where events are from, as plain values; ``fingerprint`` is their `events_digest`."""
    return {
        "files": [path.name for path in events.sources],
        "sha256": fingerprint,
        "n_events": len(events),
    }


def unique_name(fingerprint: str, config: Section, generator: keras.Model) -> str:
    """The same for the same data, configuration and weights.

    With a time budget, weights differ from run to run.
    """
    digest = hashlib.sha256((fingerprint + config.model_dump_json()).encode())
    for values in model_weights(generator).values():
        digest.update(values)
    return str(uuid.uuid5(uuid.NAMESPACE_OID, digest.hexdigest()))


def software() -> dict[str, str]:
    """Versions of what a training runs on."""
    return {name: _version(name) for name in _SOFTWARE}


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"
