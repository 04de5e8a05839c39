"""The description of a trained generator for its bundle."""

import hashlib
import uuid
from dataclasses import asdict
from importlib.metadata import version

import keras

from ..bundle import FORMAT_VERSION, BundleMeta
from ..bundle_parts import model_weights
from ..config.base import Section
from ..config.train import TrainConfig
from ..data.events import Events
from ..data.fingerprint import events_digest
from ..dl1.cleaning import CleaningSettings
from ..intensity import IntensityTransform
from ..labels import LabelSet
from .reading import files_cleaning

_SOFTWARE = ("ctlearn-gan-aug", "ctlearn", "dl1-data-handler", "ctapipe", "tensorflow", "keras")


def describe(
    config: TrainConfig,
    events: Events,
    labels: LabelSet,
    intensity: IntensityTransform,
    generator: keras.Model,
    observed: Events | None = None,
) -> BundleMeta:
    """All that a user of the generator needs to know of how it came to be.

    ``observed`` are the images that generated ones are to be like, if not the simulated ones.
    """
    data = provenance(events)
    if observed is not None:
        data |= {"domain": "observed", "observed": provenance(observed)}
    return BundleMeta(
        format_version=FORMAT_VERSION,
        bundle_id=unique_name(data, config, generator),
        labels=labels.to_dict(),
        generator=config.generator,
        data=data,
        **facts(config, events, intensity, files_cleaning(events)),
    )


def facts(
    config: Section, events: Events, intensity: IntensityTransform, cleaning: CleaningSettings
) -> dict:
    """What bundles of all kinds say of their training, see `TrainedMeta`."""
    return {
        "particle": config.particle,
        "camera": events.camera.name,
        "tel_id": events.camera.tel_id,
        "focal_length_choice": events.focal_length_choice,
        "channels": list(events.channels),
        "intensity": intensity.to_dict(),
        "quality_criteria": config.data.quality_criteria,
        "cleaning": asdict(cleaning),
        "software": {name: _version(name) for name in _SOFTWARE},
    }


def provenance(events: Events) -> dict:
    """Where events are from, as plain values."""
    return {
        "files": [path.name for path in events.sources],
        "sha256": events_digest(events),
        "n_events": len(events),
    }


def unique_name(data: dict, config: Section, network: keras.Model) -> str:
    """The same for the same data, configuration and weights.

    With a time budget, weights differ from run to run.
    """
    contents = data["sha256"] + data.get("observed", {}).get("sha256", "")
    digest = hashlib.sha256((contents + config.model_dump_json()).encode())
    for values in model_weights(network).values():
        digest.update(values)
    return str(uuid.uuid5(uuid.NAMESPACE_OID, digest.hexdigest()))


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"
