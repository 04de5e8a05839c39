"""What the critic says of images, and which way that pushes both networks."""

from typing import NamedTuple

import tensorflow as tf

from ..config.train import TrainConfig
from ..models.maps import LabelMaps
from . import chain, losses, penalties, scores
from .networks import Networks

#: Independent random streams of one critic update.
_TURN_STREAM, _INTERPOLATE_STREAM = 1001, 2000


class Turns(NamedTuple):
    """What an update of the critic holds beside scores: not all of it has its turn in each.

    Attributes
    ----------
    regularize : bool
        The regulariser.
    find_labels : bool
        The label heads.
    """

    regularize: bool
    find_labels: bool = True

    @classmethod
    def of(cls, config: TrainConfig, update: int):
        """Turns of a numbered update."""
        is_penalty = config.loss.regularizer in penalties.PENALTIES
        return cls(
            is_penalty and update % config.loss.interval == 0,
            update % config.critic.label_interval == 0,
        )


class Verdict(NamedTuple):
    """What the critic says of B images.

    Attributes
    ----------
    score : tensor (B, 1)
    found_labels : tensor (B, k n_labels) or None
        By k label heads.
    found_codes : tensor (B, n_codes) or None
    """

    score: tf.Tensor
    found_labels: tf.Tensor | None = None
    found_codes: tf.Tensor | None = None


class Criticism:
    """Scores, adversarial losses and regularisers, and their gradients.

    Parameters
    ----------
    config : TrainConfig
        Losses and seed.
    networks : Networks
        The critic, and what turns its images if they are turned.
    maps : LabelMaps
        Label maps for the critic.
    """

    def __init__(self, config: TrainConfig, networks: Networks, maps: LabelMaps):
        self.config = config
        self.networks = networks
        self.maps = maps
        self.codes = config.generator.codes
        suits = config.loss.adversarial == "wasserstein"
        suits = suits and config.loss.regularizer in chain.REGULARIZERS
        self.chain = chain.find_chain(networks.critic) if suits else None

    def gradients(self, real, fake, real_labels, fake_labels, stream, turns: Turns, codes=None):
        """Which way the critic pushes.

        Parameters
        ----------
        real, fake : tensor (B, side, side, c)
            Simulated and generated images in network units.
        real_labels, fake_labels : tensor (B, n_labels)
            What the critic is told of them, encoded.
        stream : tensor of int64
            Number of the update, for its random numbers.
        turns : Turns
            What this update holds beside scores.
        codes : tensor (B, n_codes), optional
            Those of the generated images.

        Returns
        -------
        (list of tensor, tensor, dict of str to scalar)
            Gradients of the critic's loss with respect to its weights, and of the generator's with
            respect to ``fake`` (B, side, side, c), both times the loss scale; values to show.
        """
        if self.chain and turns.regularize:
            return self._chain_gradients(real, fake, stream)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(fake)
            data = real, fake, real_labels, fake_labels
            critic, generator, values = self._losses(*data, stream, turns, codes)
            scale = self.networks.loss_scale
            critic, generator = critic * scale, generator * scale
        gradients = tape.gradient(critic, self.networks.critic.trainable_variables)
        return gradients, tape.gradient(generator, fake), values

    def _chain_gradients(self, real, fake, stream):
        """The same for a plain critic without labels, in two thirds of the arithmetic."""
        config = self.config.loss
        point, key = self._penalised_point(real, fake, stream)
        weight = config.weight * config.interval
        found = self.chain.gradients(real, fake, point, config.regularizer, weight, key)
        # What lowers the critic's loss raises the generator's as much.
        push = -found.fake
        return found.critic, push, self._score_losses(found.real_score, found.fake_score)

    def _losses(self, real, fake, real_labels, fake_labels, stream, turns: Turns, codes):
        """Scores of simulated and generated images in one batch.

        One batch, since batch normalisation would otherwise show each kind a network of its own.

        Returns
        -------
        (scalar, scalar, dict of str to scalar)
            Total losses of critic and generator, and values to show.
        """
        config, adaptive = self.config.loss, self.networks.adaptive
        if adaptive:
            key = tf.stack([tf.constant(self.config.seed, tf.int64), stream + _TURN_STREAM])
            real, real_labels = adaptive.turned(real, real_labels, key)
            fake, fake_labels = adaptive.turned(fake, fake_labels, key)
        labels = tf.concat([real_labels, fake_labels], 0)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([real, fake])
            verdict = self._criticise(tf.concat([real, fake], 0), labels)
            parts = [tf.shape(real)[0], tf.shape(fake)[0]]
            real_score, fake_score = tf.split(verdict.score, parts)
        values = self._score_losses(real_score, fake_score)
        critic, generator = values["critic"], values["generator"]
        if turns.regularize:
            if config.regularizer in penalties.AT_IMAGES:
                point, score = (
                    (real, real_score) if config.regularizer == "r1" else (fake, fake_score)
                )
                penalty = losses.r1_penalty(tape.gradient(score, point))
            else:
                penalty = self._penalty_between(real, fake, real_labels, stream)
            # Applied every `interval` steps only, hence that much stronger.
            critic += config.weight * config.interval * penalty
        if adaptive:
            values |= adaptive.follow(real_score)
        if codes is not None:
            found = verdict.found_codes[-tf.shape(codes)[0] :]
            values["codes"] = losses.information_loss(found, codes, self.codes)
            information = self.codes.weight * values["codes"]
            critic, generator = critic + information, generator + information
        if verdict.found_labels is not None and turns.find_labels:
            real_head, fake_head = tf.split(verdict.found_labels, parts)
            weight = self.config.critic.label_head * self.config.critic.label_interval
            found = self._head_losses(
                _errors(real_head, real_labels), _errors(fake_head, fake_labels)
            )
            values["head"] = found[0]
            critic, generator = critic + weight * found[0], generator + weight * found[1]
        return critic, generator, values

    def _score_losses(self, real_score, fake_score) -> dict:
        """Losses of both networks that follow from scores (B, 1), and by how much these differ."""
        config = self.config.loss
        both = real_score, fake_score
        return {
            "critic": losses.critic_loss(config.adversarial, *both, config.label_smoothing),
            "difference": tf.reduce_mean(real_score) - tf.reduce_mean(fake_score),
            "generator": losses.generator_loss(config.adversarial, fake_score),
        }

    def _head_losses(self, real, fake):
        """Losses of both networks from errors (B, k, n_labels) of the labels that k heads find.

        Showers of equal labels fluctuate, and so do the labels found in them. With pairs, those
        found in generated images have to have the distribution of those in simulated ones; without,
        the error is to vanish as in the AC-GAN (Odena et al., arXiv 1610.09585).
        """
        heads = real.shape[1]
        critic = heads * tf.reduce_mean(tf.square(real))
        if not self.config.warmup.uses_pairs:
            return critic, heads * tf.reduce_mean(tf.square(fake))
        half = tf.shape(fake)[0] // 2
        return critic, 2.0 * heads * scores.energy_score(real[:half], fake[:half], fake[half:])

    def _criticise(self, images, labels) -> Verdict:
        outputs = self.networks.critic([images, *self.maps(labels)], training=True)
        return Verdict(**outputs) if isinstance(outputs, dict) else Verdict(outputs)

    def _penalised_point(self, real, fake, stream):
        """Where the slope is taken (B, side, side, c), and the key of its random numbers."""
        key = tf.stack([tf.constant(self.config.seed, tf.int64), stream + _INTERPOLATE_STREAM])
        fake = fake[: tf.shape(real)[0]]
        return penalties.point(self.config.loss.regularizer, real, fake, key), key

    def _penalty_between(self, real, fake, labels, stream):
        """Gradient penalty at points near simulated images, or between them and generated ones."""
        point, _ = self._penalised_point(real, fake, stream)
        with tf.GradientTape() as tape:
            tape.watch(point)
            score = self._criticise(point, labels).score
        return penalties.penalty(self.config.loss.regularizer, tape.gradient(score, point))


def _errors(found, labels):
    """Errors (B, k, n_labels) of the labels found by k heads (B, k n_labels)."""
    return (
        tf.reshape(found, (-1, found.shape[1] // labels.shape[1], labels.shape[1]))
        - labels[:, None]
    )
