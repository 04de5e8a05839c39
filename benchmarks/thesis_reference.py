"""The thesis' system as plainly as Keras allows, in float32: what ours is compared with.

Written from its description: networks, optimiser and losses as in `configs/thesis_gamma.yaml`, a
compiled step of one batch in which five critic updates, each with a pass of its own for simulated,
generated and interpolated images, precede one generator update; and generation by calling the
generator eagerly.
"""

import keras
import tensorflow as tf

LATENT = 512
SIDE = 43  # 39 cells of the image_shifting map and two of padding on each side
CRITIC_STEPS = 5
PENALTY = 10.0
AUXILIARY = 0.4


def _leaky():
    return keras.layers.LeakyReLU(0.2)


def build_generator(n_labels: int) -> keras.Model:
    """Latents and labels to (43, 43, 1) p.e."""
    latent, labels = keras.Input((LATENT,)), keras.Input((n_labels,))
    options = {"use_bias": False, "kernel_initializer": "orthogonal"}
    x = keras.layers.Concatenate()([latent, labels])
    x = keras.layers.Dense(3 * 3 * 512, **options)(x)
    x = _leaky()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Reshape((3, 3, 512))(x)
    for filters in (256, 128, 64):
        x = keras.layers.UpSampling2D()(x)
        x = keras.layers.Conv2D(filters, 3, padding="same", **options)(x)
        x = _leaky()(keras.layers.BatchNormalization()(x))
    x = keras.layers.UpSampling2D()(x)
    x = _leaky()(keras.layers.Conv2D(1, 3, padding="same", **options)(x))
    return keras.Model([latent, labels], keras.layers.Cropping2D(((2, 3), (2, 3)))(x))


def build_critic() -> keras.Model:
    """(43, 43, 1) to a score."""
    image = keras.Input((SIDE, SIDE, 1))
    x = keras.layers.ZeroPadding2D(((2, 3), (2, 3)))(image)
    for level, filters in enumerate((128, 256, 512, 1024)):
        x = keras.layers.Conv2D(
            filters, 5, strides=2, padding="same", kernel_initializer="orthogonal"
        )(x)
        x = _leaky()(x)
        if level in (1, 2):
            x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.Dropout(0.2)(keras.layers.Flatten()(x))
    return keras.Model(image, keras.layers.Dense(1)(x))


class Reference:
    """Both networks, a step, and generation.

    Parameters
    ----------
    auxiliary : keras.Model
        CTLearn model (43, 43, 1) with the outputs ``energy`` and ``cameradirection``.
    """

    def __init__(self, auxiliary: keras.Model):
        self.generator, self.critic = build_generator(3), build_critic()
        self.auxiliary = auxiliary
        self.generator_optimizer, self.critic_optimizer = (
            keras.optimizers.Adam(2e-4, beta_1=0.5, beta_2=0.9) for _ in range(2)
        )
        self.step = tf.function(self._step)

    def __call__(self, labels):
        """Images of labels (B, 3), as the thesis generates them."""
        latent = tf.random.normal((tf.shape(labels)[0], LATENT))
        return self.generator([latent, labels], training=False)

    def _step(self, real, labels):
        """Update both networks on one batch; returns their losses."""
        for _ in range(CRITIC_STEPS):
            critic_loss = self._critic_step(real, labels)
        with tf.GradientTape() as tape:
            fake = self._fake(labels)
            loss = -tf.reduce_mean(self.critic(fake, training=True))
            loss += self._auxiliary_loss(fake, labels)
        _update(self.generator_optimizer, tape, loss, self.generator.trainable_variables)
        return critic_loss, loss

    def _fake(self, labels):
        latent = tf.random.normal((tf.shape(labels)[0], LATENT))
        return self.generator([latent, labels], training=True)

    def _critic_step(self, real, labels):
        fake = self._fake(labels)
        with tf.GradientTape() as tape:
            real_score = self.critic(real, training=True)
            fake_score = self.critic(fake, training=True)
            loss = tf.reduce_mean(fake_score) - tf.reduce_mean(real_score)
            loss += PENALTY * self._penalty(real, fake)
        _update(self.critic_optimizer, tape, loss, self.critic.trainable_variables)
        return loss

    def _penalty(self, real, fake):
        share = tf.random.uniform((tf.shape(real)[0], 1, 1, 1))
        between = real + share * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            score = self.critic(between, training=True)
        gradient = tape.gradient(score, between)
        norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3]) + 1e-12)
        return tf.reduce_mean(tf.square(norm - 1.0))

    def _auxiliary_loss(self, fake, labels):
        found = self.auxiliary(fake, training=False)
        energy = tf.square(found["energy"][:, 0] - labels[:, 0])
        direction = tf.square(found["cameradirection"] - labels[:, 1:])
        return AUXILIARY * (tf.reduce_mean(energy) + tf.reduce_mean(direction))


def _update(optimizer, tape, loss, variables) -> None:
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
