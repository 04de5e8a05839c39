"""What CTLearn's training needs beside its own callbacks: output of any name, news in log files."""

from collections.abc import Sequence
from contextlib import ExitStack

import keras

from ..progress import on_terminal, progress


def complete(callbacks: list[keras.callbacks.Callback]) -> None:
    """Let the callbacks of a CTLearn training take paths as they are, and add ours."""
    take_literally(callbacks)
    if not on_terminal():
        callbacks.append(TrainingLines())


def take_literally(callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Let folders have braces in their names, which Keras would fill with numbers of the epoch."""
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            callback.filepath = callback.filepath.replace("{", "{{").replace("}", "}}")


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
