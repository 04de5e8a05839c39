"""Configuration of the two networks."""

import itertools
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Section
from .values import Count, Flag, Part, Positive, Weight

#: Units of a layer; wider ones fit no memory.
Width = Annotated[Positive, Field(le=4096)]
Widths = Annotated[list[Width], Field(min_length=2, max_length=8)]
#: Images compared by `CriticConfig.minibatch_std`.
MINIBATCH_GROUP = 4
#: Block of a residual critic before which the label maps join.
MAPS_LEVEL = 1


class CodesConfig(Section):
    """Entries of the latent vector that the critic finds in the image (InfoGAN).

    Attributes
    ----------
    continuous : int
        Number of codes with a normal distribution.
    categorical : list of int
        Number of equally likely categories of each categorical code.
    weight : float
        Weight of the term that finds them, in the losses of both networks.
    """

    continuous: Annotated[Count, Field(le=64)] = 0
    categorical: Annotated[list[Annotated[int, Field(ge=2, le=64)]], Field(max_length=8)] = []
    weight: Weight = Field(1.0, gt=0)

    @property
    def parts(self) -> list[slice]:
        """Of every code, continuous ones first: which entries of the latent vector it takes."""
        sizes = [1] * self.continuous + self.categorical
        ends = list(itertools.accumulate(sizes))
        return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]

    @property
    def size(self) -> int:
        """Entries of the latent vector that codes take."""
        return self.continuous + sum(self.categorical)

    @model_validator(mode="after")
    def _not_empty(self):
        if not self.size:
            raise ValueError("codes needs continuous or categorical ones; or leave codes out.")
        return self


class GeneratorConfig(Section):
    """The generator network.

    Attributes
    ----------
    architecture : str
        ``residual`` (FiLM-conditioned residual blocks, per-pixel noise) or ``dcgan`` (thesis).
    latent : int
        Length of the latent vector.
    codes : CodesConfig or None
        What of it the critic has to find in the image.
    channels : list of int
        Convolution filters from the coarsest level to the finest.
    embedding : int
        Width of the label embedding (``residual``).
    trunk : int
        Width of the pointwise network that places the shower (``residual``).
    ellipse : bool
        Draw an ellipse of light and a smooth surface of times first, details on them (``film``).
    upsampling : str
        ``nearest`` or ``transposed`` (``dcgan``).
    conditioning : str
        How labels act: ``film`` (in every level and by place, ``residual``), ``concat`` (beside the
        latents) or ``none``; by default ``film``, for ``dcgan`` ``concat``.
    spectral_norm : bool
        Spectral normalisation of all weights.
    attention : bool
        Self-attention on the level of about ten cells.
    """

    architecture: Literal["residual", "dcgan"] = "residual"
    conditioning: Literal["film", "concat", "none"] = "film"
    latent: Width = 64
    codes: CodesConfig | None = None
    channels: Widths = [96, 64, 48, 16]
    embedding: Width = 256
    trunk: Width = 16
    ellipse: Flag = False
    upsampling: Literal["nearest", "transposed"] = "nearest"
    spectral_norm: Flag = False
    attention: Flag = False

    @model_validator(mode="before")
    @classmethod
    def _default_conditioning(cls, given):
        if isinstance(given, dict) and given.get("conditioning") is None:
            is_dcgan = given.get("architecture") == "dcgan"
            given = {**given, "conditioning": "concat" if is_dcgan else "film"}
        return given

    @model_validator(mode="after")
    def _codes_fit(self):
        if self.codes and self.codes.size > self.latent:
            raise ValueError(
                f"codes take {self.codes.size} entries of the latent vector, which has "
                f"{self.latent}; set latent to at least as many."
            )
        return self

    @model_validator(mode="after")
    def _conditioned(self):
        if self.architecture == "dcgan" and self.conditioning == "film":
            raise ValueError(
                "the dcgan generator takes its labels beside the latents alone; use "
                "conditioning: concat, or architecture: residual."
            )
        if self.ellipse and self.conditioning != "film":
            raise ValueError(
                "an ellipse follows labels as conditioning: film does; use that, or ellipse: false."
            )
        return self

    @property
    def levels(self) -> int:
        """Resolutions at which it can make images."""
        return len(self.channels)

    @property
    def keeps_times(self) -> bool:
        """Whether pixels without signal have times of their own, those of pedestals."""
        return self.architecture == "residual"


class CriticConfig(Section):
    """The critic network.

    Attributes
    ----------
    architecture : str
        ``residual`` or ``dcgan`` (thesis).
    channels : list of int
        Convolution filters from the finest level to the coarsest.
    conditioning : str
        ``none`` (AC-GAN of the thesis), ``concat`` or ``projection`` of the labels.
    label_maps : bool
        Give it every pixel's position relative to the labels (``residual``).
    moments : bool
        Also judge by moments of the light about the labels and about its centroid (``residual``
        with ``label_maps``).
    normalization : str
        ``batch`` or ``none`` (``residual``).
    dropout : float
        Dropout rate (``dcgan``).
    spectral_norm : bool
        Spectral normalisation of all weights.
    attention : bool
        Self-attention on the level of about ten cells.
    minibatch_std : bool
        Show the critic how much the images of a small group differ.
    label_head : float
        Weight of a second output that finds the labels in the image alone and, with times, in its
        charges alone, and of the condition that it finds them in generated images as well as in
        simulated ones; 0 has none.
    label_interval : int
        Find them every so many critic steps, with that much more weight.
    """

    architecture: Literal["residual", "dcgan"] = "residual"
    channels: Widths = [32, 48, 64, 96]
    conditioning: Literal["none", "concat", "projection"] = "projection"
    label_maps: Flag = True
    moments: Flag = False
    normalization: Literal["batch", "none"] = "batch"
    dropout: Part = 0.0
    spectral_norm: Flag = False
    attention: Flag = False
    minibatch_std: Flag = False
    label_head: Weight = 0.0
    label_interval: Positive = 1

    @model_validator(mode="after")
    def _maps_are_labels(self):
        if self.conditioning == "none" and self.label_maps:
            raise ValueError("a critic with conditioning: none cannot have label_maps: true.")
        return self

    @property
    def levels(self) -> int:
        """Resolutions at which it can take images: in a residual one none beyond the label maps."""
        if self.architecture == "dcgan":
            return len(self.channels)
        return min(MAPS_LEVEL + 2, len(self.channels))
