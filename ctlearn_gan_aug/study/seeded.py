"""``python -m ctlearn_gan_aug.study.seeded SEED COMMAND ...``: a command with Keras' seed set.

CTLearn seeds the order of events, but not the initial weights of its models.
"""

import runpy
import sys

if __name__ == "__main__":
    import keras

    keras.utils.set_random_seed(int(sys.argv.pop(1)))
    runpy.run_module("ctlearn_gan_aug.cli.main", run_name="__main__", alter_sys=True)
