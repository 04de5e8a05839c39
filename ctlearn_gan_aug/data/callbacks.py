"""What CTLearn's training needs beside its own callbacks: whole models, news in log files."""

import os
from contextlib import ExitStack
from pathlib import Path

import keras

from ..progress import on_terminal, progress

#: A model that is being saved.
PART_NAME = ".ctlearn_model.part.keras"


def complete(callbacks: list[keras.callbacks.Callback]) -> None:
    """Let a CTLearn training keep whole models in folders of any name, and tell of itself."""
    checkpoints = [c for c in callbacks if isinstance(c, keras.callbacks.ModelCheckpoint)]
    callbacks += [WholeModel(checkpoint) for checkpoint in checkpoints]
    if not on_terminal():
        callbacks.append(TrainingLines())


class WholeModel(keras.callbacks.Callback):
    """Lets the model that a checkpoint saves take its name when it is whole.

    On a full disk, or in a training that is killed, the model of an earlier epoch stays.

    Parameters
    ----------
    checkpoint : keras.callbacks.ModelCheckpoint
        It is made to write to another name.
    """

    def __init__(self, checkpoint: keras.callbacks.ModelCheckpoint):
        super().__init__()
        self._target = Path(checkpoint.filepath)
        self._part = self._target.with_name(PART_NAME)
        # Keras would fill braces with numbers of the epoch.
        checkpoint.filepath = str(self._part).replace("{", "{{").replace("}", "}}")

    def on_epoch_end(self, epoch, logs=None):
        """Take over what the checkpoint has saved, if it has."""
        if self._part.exists():
            os.replace(self._part, self._target)


class TrainingLines(keras.callbacks.Callback):
    """Epoch, batch and losses at intervals, where Keras would be silent until an epoch ends."""

    def __init__(self):
        super().__init__()
        self._stack = ExitStack()
        self._epoch = 0

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self._show = self._stack.enter_context(progress("training"))

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Tell how far the training is."""
        n_epochs, n_batches = self.params["epochs"], self.params["steps"]
        if not n_batches:  # not known before the first epoch has ended
            return
        losses = " ".join(f"{name} {value:.3f}" for name, value in (logs or {}).items())
        self._show(
            (self._epoch + (batch + 1) / n_batches) / n_epochs,
            f"epoch {self._epoch + 1}/{n_epochs} batch {batch + 1}/{n_batches}  {losses}",
        )

    def on_train_end(self, logs=None):
        """Stop the clock."""
        self._stack.close()
