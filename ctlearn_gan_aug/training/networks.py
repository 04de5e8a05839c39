"""The variables of a run: networks, their averages and optimizers, what adapts."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras

from ..config.train import TrainingConfig
from ..models import layers as L
from ..models.growth import PLAIN, Growth, blends
from .adaptive import AdaptiveSymmetries
from .cotraining import Cotraining
from .muon import new_optimizer
from .optimizer import FusedAdam
from .scaling import LossScale


@dataclass
class Networks:
    """The variables of a run: both networks, their optimizers, the averaged generator.

    ``adaptive`` is None where symmetries are not shown as often as the critic overfits, ``scale``
    except in float16, ``cotraining`` where the auxiliary stays as it is. ``growth`` is how far the
    networks have grown, ``level_start`` the step since which they have had images of this size.
    """

    generator: keras.Model
    averaged: keras.Model
    critic: keras.Model
    generator_optimizer: FusedAdam
    critic_optimizer: FusedAdam
    adaptive: AdaptiveSymmetries | None = None
    scale: LossScale | None = None
    growth: Growth = PLAIN
    level_start: int = 0
    cotraining: Cotraining | None = None

    @classmethod
    def create(
        cls,
        config: TrainingConfig,
        build_generator: Callable,
        critic: keras.Model,
        adaptive: AdaptiveSymmetries | None = None,
        growth: Growth = PLAIN,
    ):
        """Networks with their optimizers; ``build_generator()`` makes a new generator."""
        generator, averaged = build_generator(), build_generator()
        averaged.set_weights(generator.get_weights())
        optimizers = []
        for model, kernel_step in zip((generator, critic), config.kernel_steps, strict=True):
            optimizers.append(new_optimizer(config, kernel_step))
            optimizers[-1].build(model.trainable_variables)
        scale = LossScale() if config.precision == "mixed_float16" else None
        return cls(generator, averaged, critic, *optimizers, adaptive, scale, growth)

    @property
    def loss_scale(self):
        """What losses are multiplied by before their gradients are taken."""
        return self.scale.value if self.scale else 1.0

    @property
    def models(self) -> tuple[keras.Model, ...]:
        """The networks."""
        return self.generator, self.averaged, self.critic

    @property
    def state(self) -> dict[str, list]:
        """All variables by their owners, random states of dropout included, for checkpoints."""
        return {
            "generator": self.generator.variables,
            "critic": self.critic.variables,
            "averaged": self.averaged.variables,
            "generator_optimizer": self.generator_optimizer.variables,
            "critic_optimizer": self.critic_optimizer.variables,
            "adaptive": self.adaptive.variables if self.adaptive else [],
            "scale": [self.scale.value] if self.scale else [],
            "cotraining": self.cotraining.variables if self.cotraining else [],
        }

    def set_learning_rates(self, rates: tuple[float, float]) -> None:
        """Change the rates of generator and critic."""
        self.generator_optimizer.learning_rate = rates[0]
        self.critic_optimizer.learning_rate = rates[1]

    def set_blend(self, part: float) -> None:
        """Change by how much the newest layers count."""
        for model in self.models:
            for blend in blends(model):
                blend.part.assign(part)

    @property
    def blend(self):
        """By how much they count."""
        return blends(self.generator)[0].part

    def take_over(self, earlier: "Networks") -> None:
        """Take the weights of earlier networks as far as layers are alike, hence named alike.

        An optimizer goes on where no layer is new. Otherwise it starts anew, as it does in the
        paper: its moments of new weights would be far too small beside its count of steps.
        """
        for mine, theirs in zip(self.models, earlier.models, strict=True):
            take_weights(mine, theirs)
        self.generator_optimizer.go_on_from(
            earlier.generator_optimizer,
            self.generator.trainable_variables,
            earlier.generator.trainable_variables,
        )
        self.critic_optimizer.go_on_from(
            earlier.critic_optimizer,
            self.critic.trainable_variables,
            earlier.critic.trainable_variables,
        )
        if self.scale:
            self.scale.value.assign(earlier.scale.value)


def take_weights(model: keras.Model, earlier: keras.Model) -> None:
    """Let a network have the weights of an earlier one wherever their paths are the same."""
    known = {variable.path: variable for variable in earlier.weights}
    for variable in model.weights:
        if variable.path in known:
            variable.assign(known[variable.path])


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Let networks that are built meanwhile compute in a Keras precision policy.

    Their layers are named as in a new process: names decide the order of operations in the compiled
    graph, hence rounding.
    """
    before = keras.config.dtype_policy()
    keras.backend.clear_session()  # forgets the policy too
    keras.config.set_dtype_policy(before)
    with L.precision(precision):
        yield
