"""The ``data`` section of a training: which DL1 events to learn from."""

from typing import Literal

from pydantic import model_validator

from .base import Section
from .values import Expression, Location, Part, Positive, Text


class DataConfig(Section):
    """Which DL1 events to learn from.

    Attributes
    ----------
    files : list of Path
        DL1 files and folders; ``--input`` overrides them.
    background : list of Path
        DL1 files and folders of the other class, for ``type`` among the labels.
    observed : list of Path
        DL1 files and folders of observations: their images are learnt in the place of simulated
        ones, with labels that the auxiliary finds. Empty learns simulated ones.
    channels : list of str
        ``image`` and optionally ``peak_time``.
    quality_criteria : list of (str, str)
        dl1-data-handler's table quality query; empty learns every triggered event.
    tel_type : str or None
        Needed if the files hold several telescope types.
    max_events : int or None
        Use a random subset of this size.
    store : Path or None
        Folder for the pixel store, which other runs on the same files then share; None keeps it
        in ``output/store``.
    validation_split : float
        Fraction of the events kept out of training, for sample images and monitoring.
    """

    files: list[Location] = []
    background: list[Location] = []
    observed: list[Location] = []
    channels: list[Literal["image", "peak_time"]] = ["image", "peak_time"]
    quality_criteria: list[tuple[Text, Expression]] = []
    tel_type: Text | None = None
    max_events: Positive | None = None
    store: Location | None = None
    validation_split: Part = 0.05

    @model_validator(mode="after")
    def _charge_first(self):
        if self.channels not in (["image"], ["image", "peak_time"]):
            raise ValueError("channels must be [image] or [image, peak_time].")
        return self
