"""What a refiner's bundle says of itself."""

from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from .base import Section
from .refine import TranslatorConfig


class RefinerMeta(Section):
    """Contents of ``refiner.yaml``.

    Attributes
    ----------
    format_version : int
        Of the bundle layout.
    refiner_id : str
        Unique name of this refiner.
    particle : str
        Primary particle of the source.
    created : str
        UTC time, ISO 8601.
    camera : str
        Camera name.
    tel_id : int
        Telescope whose geometry the bundle uses.
    focal_length_choice : str
        ``EFFECTIVE`` or ``EQUIVALENT``, as the source files were read.
    channels : list of str
        Image channels, ``image`` in p.e. and ``peak_time`` in ns.
    intensity : dict
        `IntensityTransform` in plain values.
    translator : TranslatorConfig
        Architecture.
    quality_criteria : list of (str, str)
        Cuts that images passed which both domains were compared by.
    cleaning : dict
        Tail cuts that reproduce the image masks of both domains.
    software : dict of str to str
        Versions in use at training.
    source, target : dict
        Files of both domains, their fingerprint, number of events.
    training : dict
        Seed, steps and the last monitored values.
    """

    format_version: int
    refiner_id: str
    particle: str
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    camera: str
    tel_id: int
    focal_length_choice: str
    channels: list[str]
    intensity: dict[str, Any]
    translator: TranslatorConfig
    quality_criteria: list[tuple[str, str]] = []
    cleaning: dict[str, Any]
    software: dict[str, str] = {}
    source: dict[str, Any] = {}
    target: dict[str, Any] = {}
    training: dict[str, Any] = {}
