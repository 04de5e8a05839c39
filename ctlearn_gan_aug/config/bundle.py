"""What a generator bundle says of itself."""

from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from .base import Section
from .networks import CriticConfig, GeneratorConfig


class TrainedMeta(Section):
    """What bundles of every kind say.

    Attributes
    ----------
    format_version : int
        Of the bundle layout.
    particle : str
        Primary particle of the training events, or of a refiner's source.
    created : str
        UTC time, ISO 8601.
    camera : str
        Camera name.
    tel_id : int
        Telescope whose geometry the bundle uses.
    focal_length_choice : str
        ``EFFECTIVE`` or ``EQUIVALENT``, as the files were read.
    channels : list of str
        Image channels, ``image`` in p.e. and ``peak_time`` in ns.
    intensity : dict
        `IntensityTransform` in plain values.
    quality_criteria : list of (str, str)
        Cuts the training events passed, or the images that a refiner's critics compared.
    cleaning : dict
        Tail cuts that reproduce the files' image masks.
    software : dict of str to str
        Versions in use at training.
    training : dict
        Seed, steps and the last monitored values.
    """

    format_version: int
    particle: str
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    camera: str
    tel_id: int
    focal_length_choice: str
    channels: list[str]
    intensity: dict[str, Any]
    quality_criteria: list[tuple[str, str]] = []
    cleaning: dict[str, Any]
    software: dict[str, str] = {}
    training: dict[str, Any] = {}


class BundleMeta(TrainedMeta):
    """Contents of ``bundle.yaml``, beside those of `TrainedMeta`.

    Attributes
    ----------
    bundle_id : str
        Unique name of this generator.
    labels : dict
        `LabelSet` in plain values.
    generator : GeneratorConfig
        Architecture.
    critic : CriticConfig or None
        Architecture of the critic, if the bundle holds it.
    critic_slope : float
        By how much the logarithm of simulated over generated images' density grows with its score.
    data : dict
        Files, their fingerprint, number of events; ``domain: observed`` and the same of
        ``observed`` where the images are to be like observed ones.
    """

    bundle_id: str
    labels: dict[str, Any]
    generator: GeneratorConfig
    critic: CriticConfig | None = None
    critic_slope: float = 1.0
    data: dict[str, Any] = {}
