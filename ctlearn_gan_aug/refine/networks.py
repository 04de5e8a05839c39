"""The variables of a run: translators and critics of both domains, and their optimizers."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from ..config.refine import RefineTrainingConfig
from ..training.muon import new_optimizer


@dataclass
class Networks:
    """Four networks, two optimizers, and the averaged translator that goes into the bundle.

    Attributes
    ----------
    forward, backward : keras.Model
        Translators from source to target, and back.
    averaged : keras.Model
        Moving average of ``forward``.
    target_critic, source_critic : keras.Model
        Tell images of a domain from translated ones.
    translator_optimizer, critic_optimizer : keras.optimizers.Optimizer
        Of both translators and of both critics.
    """

    forward: keras.Model
    backward: keras.Model
    averaged: keras.Model
    target_critic: keras.Model
    source_critic: keras.Model
    translator_optimizer: keras.optimizers.Optimizer
    critic_optimizer: keras.optimizers.Optimizer

    @classmethod
    def create(
        cls, config: RefineTrainingConfig, new_translator: Callable, new_critic: Callable
    ) -> "Networks":
        """Networks that translate nothing yet, from functions that make one each."""
        translators = [new_translator() for _ in range(3)]
        translators[2].set_weights(translators[0].get_weights())
        critics = [new_critic() for _ in range(2)]
        optimizers = []
        for (one, other), step in zip((translators[:2], critics), config.kernel_steps, strict=True):
            optimizers.append(new_optimizer(config, step))
            optimizers[-1].build(one.trainable_variables + other.trainable_variables)
        return cls(*translators, *critics, *optimizers)

    @property
    def translator_variables(self) -> list:
        """What the translators' optimizer moves."""
        return self.forward.trainable_variables + self.backward.trainable_variables

    @property
    def critic_variables(self) -> list:
        """What the critics' optimizer moves."""
        return self.target_critic.trainable_variables + self.source_critic.trainable_variables

    @property
    def state(self) -> dict[str, list]:
        """All variables by the names of their owners, for checkpoints."""
        return {name: owner.variables for name, owner in vars(self).items()}

    def set_learning_rates(self, rates: tuple[float, float]) -> None:
        """Change the rates of translators and critics."""
        self.translator_optimizer.learning_rate = rates[0]
        self.critic_optimizer.learning_rate = rates[1]
