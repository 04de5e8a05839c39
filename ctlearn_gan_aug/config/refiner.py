"""What a refiner's bundle says of itself."""

from typing import Any

from .bundle import TrainedMeta
from .refine import TranslatorConfig


class RefinerMeta(TrainedMeta):
    """Contents of ``refiner.yaml``, beside those of `TrainedMeta`.

    Attributes
    ----------
    refiner_id : str
        Unique name of this refiner.
    translator : TranslatorConfig
        Architecture.
    source, target : dict
        Files of both domains, their fingerprint, number of events.
    """

    refiner_id: str
    translator: TranslatorConfig
    source: dict[str, Any] = {}
    target: dict[str, Any] = {}
