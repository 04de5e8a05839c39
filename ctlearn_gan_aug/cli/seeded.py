"""``python -m ctlearn_gan_aug.cli.seeded SEED COMMAND ...``: a command that seeds decide.

CTLearn seeds the order of events, but not the initial weights of its models, and threads may sum in
another order each time.
"""

import runpy
import sys

if __name__ == "__main__":
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(int(sys.argv.pop(1)))
    tf.config.experimental.enable_op_determinism()
    runpy.run_module("ctlearn_gan_aug.cli.main", run_name="__main__", alter_sys=True)
