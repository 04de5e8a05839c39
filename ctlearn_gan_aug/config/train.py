"""The training configuration: what to learn from, with which networks, how long."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ..errors import UserError
from ..units import quantity
from .base import Section


def _seconds(value):
    if value is None or isinstance(value, float):
        return value
    try:
        return quantity(value, "s")
    except UserError as error:
        raise ValueError(str(error)) from None


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Positive = Annotated[int, Field(gt=0)]
Widths = Annotated[list[Positive], Field(min_length=2, max_length=8)]


class DataConfig(Section):
    """Which DL1 events to learn from.

    Attributes
    ----------
    files : list of Path
        DL1 files and folders; ``--input`` overrides them.
    background : list of Path
        DL1 files and folders of the other class, for ``type`` among the labels.
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

    files: list[Path] = []
    background: list[Path] = []
    channels: list[Literal["image", "peak_time"]] = ["image", "peak_time"]
    quality_criteria: list[tuple[str, str]] = []
    tel_type: str | None = None
    max_events: Positive | None = None
    store: Path | None = None
    validation_split: float = Field(0.05, ge=0, lt=1)

    @model_validator(mode="after")
    def _charge_first(self):
        if self.channels not in (["image"], ["image", "peak_time"]):
            raise ValueError("channels must be [image] or [image, peak_time].")
        return self


class GeneratorConfig(Section):
    """The generator network.

    Attributes
    ----------
    architecture : str
        ``residual`` (FiLM-conditioned residual blocks, per-pixel noise) or ``dcgan`` (thesis).
    latent : int
        Length of the latent vector.
    channels : list of int
        Convolution filters from the coarsest level to the finest.
    embedding : int
        Width of the label embedding (``residual``).
    trunk : int
        Width of the pointwise network that places the shower (``residual``).
    upsampling : str
        ``nearest`` or ``transposed`` (``dcgan``).
    """

    architecture: Literal["residual", "dcgan"] = "residual"
    latent: Positive = 64
    channels: Widths = [96, 64, 48, 16]
    embedding: Positive = 96
    trunk: Positive = 16
    upsampling: Literal["nearest", "transposed"] = "nearest"


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
        Give every pixel its position relative to the labels (``residual``).
    dropout : float
        Dropout rate (``dcgan``).
    """

    architecture: Literal["residual", "dcgan"] = "residual"
    channels: Widths = [48, 64, 96, 128]
    conditioning: Literal["none", "concat", "projection"] = "projection"
    label_maps: bool = True
    dropout: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _maps_are_labels(self):
        if self.conditioning == "none" and self.label_maps:
            raise ValueError("a critic with conditioning: none cannot have label_maps: true.")
        return self


class LossConfig(Section):
    """Adversarial loss and regulariser.

    Attributes
    ----------
    adversarial : str
        ``wasserstein``, ``nonsaturating``, ``hinge``, ``least_squares`` or ``minimax``.
    regularizer : str
        ``gradient_penalty`` (WGAN-GP), ``r1`` or ``none``.
    weight : float
        Weight of the regulariser.
    interval : int
        Apply the regulariser every so many critic steps (lazy regularisation), scaled up
        accordingly.
    label_smoothing : float
        One-sided smoothing of the real target (``nonsaturating``, ``minimax``).
    """

    adversarial: Literal["wasserstein", "nonsaturating", "hinge", "least_squares", "minimax"] = (
        "nonsaturating"
    )
    regularizer: Literal["none", "gradient_penalty", "r1"] = "r1"
    weight: float = Field(0.1, ge=0)
    interval: Positive = 16
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)

    @model_validator(mode="after")
    def _sensible(self):
        if self.label_smoothing and self.adversarial not in ("nonsaturating", "minimax"):
            raise ValueError(
                f"label_smoothing has no meaning for the {self.adversarial} loss; set it to 0."
            )
        if self.adversarial == "wasserstein" and self.regularizer == "none":
            raise ValueError(
                "the wasserstein loss needs a Lipschitz critic: use regularizer: gradient_penalty."
            )
        return self


class WarmupConfig(Section):
    """Learning from pairs: simulated images and generated ones of equal labels, without critic.

    Attributes
    ----------
    fraction : float
        Part of the run before the critic starts; 0 starts adversarially.
    weight : float
        Weight of the pair loss (a proper score) during the warm-up.
    final_weight : float
        Its weight in the rest of the run, reached over as long a time as the warm-up.
    learning_rate : float
        Adam's, for the generator, during the warm-up.
    """

    fraction: float = Field(0.2, ge=0, lt=1)
    weight: float = Field(10.0, ge=0)
    final_weight: float = Field(2.0, ge=0)
    learning_rate: float = Field(1e-3, gt=0)

    @property
    def uses_pairs(self) -> bool:
        """Whether the pair loss counts at any time of the run."""
        return self.fraction > 0 or self.final_weight > 0


class AuxiliaryConfig(Section):
    """The frozen CTLearn model that checks the labels of generated images.

    Attributes
    ----------
    model : Path or None
        A trained CTLearn model; None trains one first with CTLearn's own tool.
    mapper : str
        dl1-data-handler mapper the model was (or shall be) trained with.
    weights : dict of str to float
        Weight of every task's loss in the generator's loss.
    ctlearn : dict
        Options of ``TrainCTLearnModel`` and its model, for training one.
    """

    model: Path | None = None
    mapper: str = "ShiftingMapper"
    weights: dict[Literal["type", "energy", "cameradirection", "skydirection"], float] = {
        "energy": 0.4,
        "cameradirection": 0.4,
    }
    ctlearn: dict = {}


class TrainingConfig(Section):
    """Optimisation: how long, how fast, what is kept.

    Attributes
    ----------
    batch_size, critic_steps : int
        Images per step; critic updates per generator update.
    steps, epochs, budget : int, float or str
        Length as generator updates, passes over the data, or wall time ("60 min"); exactly one.
    learning_rate, critic_learning_rate : float
        Adam's; the critic's defaults to the generator's.
    betas : (float, float)
        Adam's momenta.
    gradient_clip : float or None
        Largest global norm of a gradient.
    decay : float
        The last fraction of the run over which learning rates fall to zero.
    ema : float
        Decay of the exponential moving average of generator weights, per step.
    symmetries : bool
        Show images also rotated and mirrored by the camera's symmetries, labels with them.
    precision : str
        ``float32`` or ``mixed_bfloat16``.
    checkpoint_every, samples_every : str
        Wall time between checkpoints and between sample figures.
    """

    batch_size: Positive = 64
    critic_steps: Positive = 1
    steps: Positive | None = None
    epochs: Positive | None = None
    budget: Seconds | None = None
    learning_rate: float = Field(2e-4, gt=0)
    critic_learning_rate: float | None = Field(None, gt=0)
    betas: tuple[float, float] = (0.0, 0.99)
    gradient_clip: float | None = Field(1.0, gt=0)
    decay: float = Field(0.0, ge=0, le=1)
    ema: float = Field(0.999, ge=0, lt=1)
    symmetries: bool = True
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    checkpoint_every: Seconds = 300.0
    samples_every: Seconds = 300.0

    @model_validator(mode="after")
    def _one_length(self):
        given = [name for name in ("steps", "epochs", "budget") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "give exactly one of steps, epochs and budget "
                f"({' and '.join(given) if given else 'none'} given)."
            )
        return self


class TrainConfig(Section):
    """Everything ``ctlearn-gan train`` needs.

    Attributes
    ----------
    particle : str
        What the files hold: ``gamma``, ``proton`` or another primary's name.
    labels : list of str
        Labels the images follow; those constant or unknown in the data are left out.
    output : Path
        Run folder; the bundle goes to ``output/bundle``.
    seed : int
        Of all randomness.
    """

    particle: str
    data: DataConfig = DataConfig()
    labels: list[str] = ["energy", "cameradirection", "impact", "h_first_int", "x_max"]
    generator: GeneratorConfig = GeneratorConfig()
    critic: CriticConfig = CriticConfig()
    loss: LossConfig = LossConfig()
    warmup: WarmupConfig = WarmupConfig()
    auxiliary: AuxiliaryConfig | None = None
    training: TrainingConfig
    output: Path = Path("runs/gan")
    seed: int = 1
