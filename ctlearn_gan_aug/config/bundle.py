"""What a generator bundle says of itself."""

from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from .base import Section
from .networks import CriticConfig, GeneratorConfig


class BundleMeta(Section):
    """Contents of ``bundle.yaml``.

    Attributes
    ----------
    format_version : int
        Of the bundle layout.
    bundle_id : str
        Unique name of this generator.
    particle : str
        Primary particle of the training events.
    created : str
        UTC time, ISO 8601.
    camera : str
        Camera name.
    tel_id : int
        Telescope whose geometry the bundle uses.
    focal_length_choice : str
        ``EFFECTIVE`` or ``EQUIVALENT``, as the training files were read.
    channels : list of str
        Image channels, ``image`` in p.e. and ``peak_time`` in ns.
    labels, intensity : dict
        `LabelSet` and `IntensityTransform` in plain values.
    generator : GeneratorConfig
        Architecture.
    critic : CriticConfig or None
        Architecture of the critic, if the bundle holds it.
    critic_slope : float
        By how much the logarithm of simulated over generated images' density grows with its score.
    quality_criteria : list of (str, str)
        Cuts the training events passed.
    cleaning : dict
        Tail cuts that reproduce the training files' image masks.
    software : dict of str to str
        Versions in use at training.
    data : dict
        Files, their fingerprint, number of events; ``domain: observed`` and the same of
        ``observed`` where the images are to be like observed ones.
    training : dict
        Seed, steps and the last monitored values.
    """

    format_version: int
    bundle_id: str
    particle: str
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    camera: str
    tel_id: int
    focal_length_choice: str
    channels: list[str]
    labels: dict[str, Any]
    intensity: dict[str, Any]
    generator: GeneratorConfig
    critic: CriticConfig | None = None
    critic_slope: float = 1.0
    quality_criteria: list[tuple[str, str]] = []
    cleaning: dict[str, Any]
    software: dict[str, str] = {}
    data: dict[str, Any] = {}
    training: dict[str, Any] = {}
