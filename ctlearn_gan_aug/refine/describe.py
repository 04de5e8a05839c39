"""The description of a trained refiner for its bundle."""

import keras

from ..config.refine import RefineConfig
from ..config.refiner import RefinerMeta
from ..intensity import IntensityTransform
from ..refiner import FORMAT_VERSION
from ..training.describe import facts, provenance, unique_name
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
        translator=config.translator,
        source=origins[0],
        target=origins[1],
        **facts(config, source, intensity, domains.cleaning),
    )
