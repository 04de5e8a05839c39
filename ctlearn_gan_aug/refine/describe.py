"""The description of a trained refiner for its bundle."""

from dataclasses import asdict

import keras

from ..config.refine import RefineConfig
from ..config.refiner import RefinerMeta
from ..intensity import IntensityTransform
from ..refiner import FORMAT_VERSION
from ..training.describe import provenance, software, unique_name
from .domains import Domains


def describe(
    config: RefineConfig, domains: Domains, intensity: IntensityTransform, translator: keras.Model
) -> RefinerMeta:
    """All that a user of the refiner needs to know of how it came to be."""
    source = domains.source
    origins = provenance(source), provenance(domains.target)
    content = {"sha256": "".join(origin["sha256"] for origin in origins)}
    return RefinerMeta(
        format_version=FORMAT_VERSION,
        refiner_id=unique_name(content, config, translator),
        particle=config.particle,
        camera=source.camera.name,
        tel_id=source.camera.tel_id,
        focal_length_choice=source.focal_length_choice,
        channels=list(source.channels),
        intensity=intensity.to_dict(),
        translator=config.translator,
        quality_criteria=config.data.quality_criteria,
        cleaning=asdict(domains.cleaning),
        software=software(),
        source=origins[0],
        target=origins[1],
    )
