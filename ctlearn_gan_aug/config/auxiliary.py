"""The ``auxiliary`` section of a training: CTLearn models that check generated images."""

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from .base import Section
from .values import Location, Part, Positive, Rate, Text, Weight

Task = Literal["type", "energy", "cameradirection", "skydirection"]
#: dl1-data-handler's.
Channel = Literal[
    *("image", "cleaned_image", "log_image", "log_cleaned_image"),
    *("peak_time", "cleaned_peak_time", "relative_peak_time", "cleaned_relative_peak_time"),
]
#: dl1-data-handler's, whose names would else be found out after reading.
MAPPERS = (
    *("AxialMapper", "BicubicMapper", "BilinearMapper", "HexagdlyMapper", "NearestNeighborMapper"),
    *("OversamplingMapper", "RebinMapper", "ShiftingMapper", "SquareMapper"),
)


class CotrainConfig(Section):
    """Training of the auxiliary that goes on beside the GAN's.

    Attributes
    ----------
    start : float
        Fraction of the run after which it begins.
    interval : int
        An update of the auxiliary after every so many of the generator.
    learning_rate : float
        Adam's, for the auxiliary.
    generated : float
        Weight of generated images and the labels they were made for, where simulated ones have 1.
    """

    start: Part = 0.3
    interval: Positive = 2
    learning_rate: Rate = 1e-4
    generated: Weight = 0.5


class AuxiliaryConfig(Section):
    """The frozen CTLearn models that check the labels of generated images, and label observed ones.

    Attributes
    ----------
    model : Path, dict of str to Path, or None
        A trained CTLearn model (``ctlearn_model.keras`` or its folder) of all tasks, or one per
        task; None trains one first, as ``ctlearn-gan train-model`` does.
    mapper : str or dict of str to str
        dl1-data-handler mapper the model was (or shall be) trained with, or one per task.
    channels : list of str or None
        Channels of dl1-data-handler's reader that the models read; None are ``data.channels``.
    match : str
        ``zero`` pulls the residuals of generated images to zero, ``distribution`` to the
        distribution that the same model has on simulated images.
    weights : dict of str to float
        Weight of every task's loss in the generator's loss. With all of them 0 the models label
        observed images alone.
    ctlearn : dict of dict
        Options of ``TrainCTLearnModel`` and its model, for training one.
    cotrain : CotrainConfig or None
        Train the models further, on simulated and generated images; None keeps them frozen.
    """

    model: Location | dict[Task, Location] | None = None
    mapper: Text | dict[Task, Text] = "ShiftingMapper"
    channels: list[Channel] | None = Field(None, min_length=1)
    match: Literal["zero", "distribution"] = "zero"
    weights: dict[Task, Weight] = Field({"energy": 0.4, "cameradirection": 0.4}, min_length=1)
    ctlearn: dict[str, dict[str, JsonValue]] = {}
    cotrain: CotrainConfig | None = None

    @model_validator(mode="after")
    def _one_of_each_per_task(self):
        for key in ("model", "mapper"):
            value = getattr(self, key)
            if isinstance(value, dict) and value.keys() != self.weights.keys():
                tasks = ", ".join(self.weights)
                raise ValueError(f"{key} and weights must name the same tasks ({tasks}).")
        if isinstance(self.mapper, dict) and not isinstance(self.model, dict):
            raise ValueError(
                "mapper: one model reads images of one mapper; name one mapper, or one model per "
                "task in model."
            )
        if self.model is None and "type" in self.weights:
            raise ValueError(
                "weights: a classifier of the type needs events of both classes and is not trained "
                "here; name a trained one in model."
            )
        return self

    @model_validator(mode="after")
    def _can_be_taught(self):
        if self.cotrain and self.match == "distribution" and "type" in self.weights:
            raise ValueError(
                "cotrain: with match: distribution the type is compared without a label, so that "
                "it cannot be taught; leave type out of weights, or cotrain out."
            )
        return self

    @model_validator(mode="after")
    def _knows_mappers(self):
        for task in self.weights:
            if self.mapper_of(task) not in MAPPERS:
                raise ValueError(
                    f"mapper: there is no '{self.mapper_of(task)}'; choose from "
                    f"{', '.join(MAPPERS)}."
                )
        return self

    @property
    def has_weight(self) -> bool:
        """Whether the models check generated images."""
        return any(self.weights.values())

    def mapper_of(self, task: str) -> str:
        """Mapper of the model that judges ``task``."""
        return self.mapper[task] if isinstance(self.mapper, dict) else self.mapper
