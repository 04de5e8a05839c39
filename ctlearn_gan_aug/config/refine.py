"""The configuration of ``ctlearn-gan refine``: which images are to look like which others."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Section
from .networks import Widths
from .train import TrainingConfig
from .values import (
    Expression,
    Flag,
    Labels,
    Location,
    Part,
    Particle,
    Positive,
    Rate,
    Seed,
    Text,
    Weight,
)


class RefineDataConfig(Section):
    """The images of both domains.

    Attributes
    ----------
    source, target : list of Path
        DL1 files and folders of simulated events whose images are refined, and of the events they
        are to look like; ``--source`` and ``--target`` override them.
    channels : list of str
        ``image`` and optionally ``peak_time``.
    quality_criteria : list of (str, str)
        Cuts as in dl1-data-handler's quality query. Critics compare only images that pass, refined
        ones too; choose them so that the triggers of both domains hardly matter above.
    tel_type : str or None
        Needed if the files hold several telescope types.
    max_events : int or None
        Use a random subset of this size of each domain.
    store : Path or None
        Folder for pixel stores; None keeps them in ``output/store``.
    validation_split : float
        Fraction of the events kept out of training, to measure how far it is.
    """

    source: list[Location] = []
    target: list[Location] = []
    channels: list[Literal["image", "peak_time"]] = ["image", "peak_time"]
    quality_criteria: list[tuple[Text, Expression]] = []
    tel_type: Text | None = None
    max_events: Positive | None = None
    store: Location | None = None
    validation_split: Part = 0.1

    @model_validator(mode="after")
    def _sensible(self):
        if self.channels not in (["image"], ["image", "peak_time"]):
            raise ValueError("channels must be [image] or [image, peak_time].")
        shared = {path.resolve() for path in self.source} & {p.resolve() for p in self.target}
        if shared:
            raise ValueError(
                f"{shared.pop()} is source and target; name files of another domain as target."
            )
        return self


class TranslatorConfig(Section):
    """Both translators: residual networks that change an image by what they add to it.

    Attributes
    ----------
    channels : list of int
        Filters from full resolution to the coarsest level; each level halves the resolution.
    noise : int
        Channels of independent normal noise per pixel.
    """

    channels: Widths = [32, 48]
    noise: Positive = Field(2, le=64)


class PatchCriticConfig(Section):
    """Both critics: a score for every patch of an image, and one for the shape of its light.

    Attributes
    ----------
    channels : list of int
        Filters from the finest level to the coarsest. The first level sees patches of 6 cells,
        each further one widens them to somewhat more than twice as many.
    shape : bool
        Also judge by the shape of the light about its centroid.
    """

    channels: Widths = [32, 48, 64]
    shape: Flag = True


class RefineLossConfig(Section):
    """What both translators are held to.

    Attributes
    ----------
    adversarial : str
        ``nonsaturating``, ``hinge`` or ``least_squares``.
    weight, interval : float, int
        Weight of the critics' slope at images of their domain (R1), and every so many steps it is
        applied, scaled up accordingly.
    sliced : float
        Weight of the sliced Wasserstein distance of pixels with their neighbours, from translated
        images to those of the domain.
    cycle : float
        Weight of the distance between an image and what comes back from the other domain.
    identity : float
        Weight of the distance between an image and what the translator into its own domain makes.
    excess : float
        Weight of values beyond the range of the data.
    """

    adversarial: Literal["nonsaturating", "hinge", "least_squares"] = "nonsaturating"
    weight: Weight = 0.01
    interval: Positive = 16
    sliced: Weight = 10.0
    cycle: Weight = 10.0
    identity: Weight = 1.0
    excess: Weight = 1.0


class RegressorConfig(Section):
    """The auxiliary: a small network that finds labels in images of the source, then frozen.

    Attributes
    ----------
    weight : float
        Weight of the change of the labels that it finds, from an image to its refined one; 0 does
        without it.
    channels : list of int
        Filters from the finest level to the coarsest.
    steps, batch_size, learning_rate : int, int, float
        Its training, before that of the translators.
    """

    weight: Weight = 1.0
    channels: Widths = [16, 32, 48]
    steps: Positive = 2000
    batch_size: Annotated[Positive, Field(le=65_536)] = 64
    learning_rate: Rate = 2e-3


class RefineTrainingConfig(TrainingConfig):
    """Length and speed, with the keys of `TrainingConfig`."""

    batch_size: Annotated[Positive, Field(le=65_536)] = 32
    learning_rate: Rate = 2e-4
    decay: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.5


class RefineConfig(Section):
    """Everything ``ctlearn-gan refine`` needs.

    Attributes
    ----------
    particle : str
        What the source files hold: ``gamma``, ``proton`` or another primary's name.
    labels : list of str
        Labels that a refined image has to keep; those constant or unknown are left out.
    output : Path
        Run folder; the bundle goes to ``output/bundle``.
    seed : int
        Of all randomness.
    """

    particle: Particle
    data: RefineDataConfig = RefineDataConfig()
    labels: Labels = ["energy", "cameradirection"]
    translator: TranslatorConfig = TranslatorConfig()
    critic: PatchCriticConfig = PatchCriticConfig()
    loss: RefineLossConfig = RefineLossConfig()
    auxiliary: RegressorConfig = RegressorConfig()
    training: RefineTrainingConfig
    output: Location = Path("runs/refine")
    seed: Seed = 1

    @model_validator(mode="after")
    def _holds_on_to_something(self):
        if self.loss.cycle == 0 and self.auxiliary.weight == 0:
            raise ValueError(
                "loss.cycle and auxiliary.weight are both 0, so nothing keeps the shower of an "
                "image; give one of them a weight."
            )
        return self

    @model_validator(mode="after")
    def _trains_as_it_can(self):
        training = self.training
        if training.critic_steps != 1:
            raise ValueError("training.critic_steps must be 1: all four networks move in one step.")
        if training.symmetries == "adaptive":
            raise ValueError(
                "training.symmetries: adaptive turns what one critic of labels sees; set it to "
                "true or false."
            )
        if training.precision == "mixed_float16":
            raise ValueError("training.precision must be float32, mixed_bfloat16 or auto here.")
        if training.jit is True and self.data.quality_criteria:
            raise ValueError(
                "training.jit: true cannot compile data.quality_criteria; set it to auto or leave "
                "the criteria out."
            )
        return self
