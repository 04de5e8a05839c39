"""The training configuration: what to learn from, with which networks, how long."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .auxiliary import AuxiliaryConfig
from .base import Section
from .data import DataConfig
from .networks import MINIBATCH_GROUP, CriticConfig, GeneratorConfig
from .observed import check_observed
from .progressive import ProgressiveConfig
from .values import (
    Count,
    Fraction,
    Labels,
    Location,
    Number,
    Part,
    Particle,
    Positive,
    Rate,
    Seconds,
    Seed,
    Weight,
)
from .vicinity import VicinityConfig

#: Images per step; more fit no memory.
BatchSize = Annotated[Positive, Field(le=65_536)]


class LossConfig(Section):
    """Adversarial loss and regulariser.

    Attributes
    ----------
    adversarial : str
        ``wasserstein``, ``nonsaturating``, ``hinge``, ``least_squares`` or ``minimax``.
    regularizer : str
        ``r1`` or ``r2`` (slope at simulated or generated images), ``gradient_penalty`` (WGAN-GP),
        ``one_sided_gradient_penalty``, ``dragan``, ``clip`` (of weights) or ``none``.
    weight : float
        Weight of the regulariser.
    interval : int
        Apply the regulariser every so many critic steps (lazy regularisation), scaled up
        accordingly.
    clip : float
        Largest weight of the critic (``clip``).
    excess : float
        Weight of generated values beyond the range of the data, in the generator's loss.
    brightness : float
        Weight beside the critic of the pair score of an image's whole light, where pairs are
        compared (`WarmupConfig`).
    shape : float
        Weight of the pair score of where the light lies and how it extends, likewise.
    label_smoothing : float
        One-sided smoothing of the real target (``nonsaturating``, ``minimax``).
    """

    adversarial: Literal["wasserstein", "nonsaturating", "hinge", "least_squares", "minimax"] = (
        "nonsaturating"
    )
    regularizer: Literal[
        "none", "clip", "gradient_penalty", "one_sided_gradient_penalty", "dragan", "r1", "r2"
    ] = "r1"
    weight: Weight = 0.01
    interval: Positive = 32
    clip: Weight = Field(0.01, gt=0)
    excess: Weight = 1.0
    brightness: Weight = 1.0
    shape: Weight = 2.0
    label_smoothing: Number = Field(0.0, ge=0, lt=0.5)

    @model_validator(mode="after")
    def _sensible(self):
        if self.label_smoothing and self.adversarial not in ("nonsaturating", "minimax"):
            raise ValueError(
                f"label_smoothing has no meaning for the {self.adversarial} loss; set it to 0."
            )
        if self.regularizer == "clip" and self.adversarial != "wasserstein":
            raise ValueError(
                f"weight clipping starves the {self.adversarial} loss, whose critic must be free "
                "to be certain; it is meant for adversarial: wasserstein."
            )
        return self


class WarmupConfig(Section):
    """Learning from pairs: simulated images and generated ones of equal labels, without critic.

    Attributes
    ----------
    fraction : float
        Longest part of the run before the critic starts, if the generator has not learnt sooner
        what pairs teach; 0 starts adversarially.
    weight : float
        Weight of the pair loss (a proper score) during the warm-up.
    final_weight : float
        Its weight in the rest of the run, reached over as long a time as the warm-up.
    learning_rate : float
        Adam's, for the generator, during the warm-up.
    rise : int
        Steps over which that rate rises from zero.
    """

    fraction: Part = 0.5
    weight: Weight = 10.0
    final_weight: Weight = 10.0
    learning_rate: Rate = 1e-3
    rise: Count = 100

    @property
    def uses_pairs(self) -> bool:
        """Whether the pair loss counts at any time of the run."""
        return self.fraction > 0 or self.final_weight > 0


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
    optimizer : str
        ``adam``, or ``muon``, which moves kernels by Muon and all else by Adam.
    kernel_steps : (float, float)
        How long Muon's steps of the kernels of generator and critic are, root mean square in
        learning rates.
    betas : (float, float)
        Adam's momenta.
    gradient_clip : float or None
        Largest global norm of a gradient.
    rise : float
        The first fraction of the adversarial part over which learning rates rise from zero.
    decay : float
        The last fraction of the run over which learning rates fall to zero.
    decay_shape : str
        How they fall, ``linear`` or ``cosine``.
    critic_decay_power : float
        Power of the generator's fall that the critic's is: below 1 it falls later, 0 never.
    ema : float
        Decay of the exponential moving average of generator weights, per step.
    symmetries : bool or str
        Show images also rotated and mirrored by the camera's symmetries, labels with them;
        ``adaptive`` shows simulated and generated ones so, as often as the critic overfits.
    precision : str
        ``float32``, ``mixed_bfloat16``, ``mixed_float16``, or ``auto``: ``mixed_bfloat16`` where
        the machine calculates in it, else ``float32``.
    jit : bool or str
        Compile the steps with XLA; ``auto`` does where there is a graphics processor.
    snapshots : int
        How often in a run the averaged generator is measured on held-out events; the last state
        not clearly worse than the best goes into the bundle. 0 takes the last one.
    checkpoint_every, samples_every : str
        Wall time between checkpoints and between sample figures.
    """

    batch_size: BatchSize = 64
    critic_steps: Positive = 1
    steps: Positive | None = None
    epochs: Positive | None = None
    budget: Seconds | None = None
    learning_rate: Rate = 3e-4
    critic_learning_rate: Rate | None = None
    optimizer: Literal["adam", "muon"] = "adam"
    kernel_steps: tuple[Rate, Rate] = (0.2, 0.6)
    betas: tuple[Part, Part] = (0.0, 0.99)
    gradient_clip: Weight | None = Field(1.0, gt=0)
    rise: Fraction = 0.0
    decay: Fraction = 0.0
    decay_shape: Literal["linear", "cosine"] = "linear"
    critic_decay_power: Fraction = 1.0
    ema: Part = 0.999
    symmetries: Literal[True, False, "adaptive"] = True
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    jit: Literal[True, False, "auto"] = "auto"
    snapshots: Count = 8
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

    particle: Particle
    data: DataConfig = DataConfig()
    labels: Labels = ["energy", "cameradirection", "impact", "h_first_int", "x_max"]
    generator: GeneratorConfig = GeneratorConfig()
    critic: CriticConfig = CriticConfig()
    loss: LossConfig = LossConfig()
    warmup: WarmupConfig = WarmupConfig()
    auxiliary: AuxiliaryConfig | None = None
    vicinity: VicinityConfig | None = None
    progressive: ProgressiveConfig | None = None
    training: TrainingConfig
    output: Location = Path("runs/gan")
    seed: Seed = 1

    @model_validator(mode="after")
    def _asks_for_its_labels(self):
        tasks = dict(self.auxiliary.weights) if self.auxiliary else {}
        if tasks and self.auxiliary.match == "distribution":
            tasks.pop("type", None)  # its scores are compared, whatever the labels
        compared = (self.vicinity.labels if self.vicinity else None) or []
        for key, names in (("auxiliary.weights", tasks), ("vicinity.labels", compared)):
            for name in names:
                if name not in self.labels:
                    raise ValueError(
                        f"{key}: '{name}' is not among the generator's labels "
                        f"({', '.join(self.labels)}); add it to labels or remove it there."
                    )
        return self

    @model_validator(mode="after")
    def _auxiliary_sees_times(self):
        wanted = (self.auxiliary and self.auxiliary.channels) or []
        if "peak_time" not in self.data.channels and any("time" in name for name in wanted):
            raise ValueError(
                f"auxiliary.channels: [{', '.join(wanted)}] are of images with peak_time, which "
                "data.channels does not have; add it there or name channels of charges alone."
            )
        return self

    @model_validator(mode="after")
    def _auxiliary_is_asked(self):
        if self.data.observed:
            check_observed(self)
        elif self.auxiliary and not self.auxiliary.has_weight:
            raise ValueError(
                "auxiliary.weights are all 0; leave out the auxiliary section instead."
            )
        return self

    @model_validator(mode="after")
    def _parts_fit(self):
        bounded = self.loss.regularizer != "none" or self.critic.spectral_norm
        if self.loss.adversarial == "wasserstein" and not bounded:
            raise ValueError(
                "the wasserstein loss needs a critic of bounded slope: use loss.regularizer: "
                "gradient_penalty (or another) or critic.spectral_norm: true."
            )
        if self.loss.adversarial == "wasserstein" and self.training.symmetries == "adaptive":
            raise ValueError(
                "training.symmetries: adaptive counts how often the critic takes simulated images "
                "for simulated, but wasserstein scores have no zero; set it to true or false, or "
                "use another loss.adversarial."
            )
        if self.critic.minibatch_std and self.training.batch_size % MINIBATCH_GROUP:
            raise ValueError(
                f"critic.minibatch_std compares groups of {MINIBATCH_GROUP} images; choose a "
                f"training.batch_size that is a multiple of {MINIBATCH_GROUP}, or set it to false."
            )
        return self

    @model_validator(mode="after")
    def _can_grow(self):
        if self.progressive is not None:
            self.progressive.check(self.generator, self.critic, self.training)
            if self.auxiliary and self.auxiliary.cotrain:
                raise ValueError(
                    "auxiliary.cotrain: coarse images of progressive cannot teach a model of the "
                    "camera's own; leave one of the two out."
                )
        return self
