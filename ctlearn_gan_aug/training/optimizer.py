"""Adam, with one operation for each variable."""

import keras
import tensorflow as tf


class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam (Kingma & Ba, arXiv 1412.6980) by TensorFlow's fused operation.

    The networks have 150 variables, most of them small, and ten operations for each cost more than
    what they calculate.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Move one variable against its gradient."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,  # Keras hands over TensorFlow's variable
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )

    def go_on_from(self, earlier: "FusedAdam", variables: list, known: list) -> None:
        """Take the state of an earlier optimizer, of variables ``known``, unless some are new.

        Variables are the same if their paths are.
        """
        place = {variable.path: index for index, variable in enumerate(known)}
        if any(variable.path not in place for variable in variables):
            return
        self.iterations.assign(earlier.iterations)
        for mine, theirs in (
            (self._momentums, earlier._momentums),
            (self._velocities, earlier._velocities),
        ):
            for index, variable in enumerate(variables):
                mine[index].assign(theirs[place[variable.path]])
