"""Generated images as a dataset of PyTorch, and augmentation components on one."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from .batches import GeneratedBatches
from .components import Component


class GeneratedImages(IterableDataset):
    """Whole batches for ``torch.utils.data.DataLoader(..., batch_size=None)``.

    Workers share the batches among them, so that an epoch holds the same ones for any number of
    workers.

    Parameters
    ----------
    batches : GeneratedBatches
        What is generated; shapes and units are theirs.
    n_batches : int, optional
        Batches of an epoch; without end by default.
    """

    def __init__(self, batches: GeneratedBatches, n_batches: int | None = None):
        super().__init__()
        self.batches = batches
        self.n_batches = n_batches

    def __iter__(self) -> Iterator[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
        """Yield (images (B, n_pixels, n_channels), labels (B,) by column)."""
        first, step = _share()
        for number in itertools.islice(itertools.count(), first, self.n_batches, step):
            images, labels = self.batches[number]
            yield torch.from_numpy(images), {k: torch.from_numpy(v) for k, v in labels.items()}


class Augmented(IterableDataset):
    """Whole batches after a component.

    Around a ``DataLoader`` it works in the main process. Around a dataset it can be given to one,
    with ``batch_size=None``: workers then share the batches among them, for which an
    ``IterableDataset`` has to do so in turn, as `GeneratedImages` does.

    Parameters
    ----------
    batches : DataLoader, IterableDataset, Dataset or sequence
        Of whole batches (images, labels): tensors, and tensors by task or the bare type.
    component : Component
        What is done to them, a `Compose` of several for example.
    channels_first : bool
        Images are (B, c, side, side), as CTLearn 0.11 has them for PyTorch.
    """

    def __init__(
        self,
        batches: DataLoader | Dataset | Sequence,
        component: Component,
        channels_first: bool = False,
    ):
        super().__init__()
        self.batches = batches
        self.component = component
        self.channels_first = channels_first
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Number the batches of the next iteration as those of this epoch, from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, dict[str, torch.Tensor] | torch.Tensor]]:
        """Yield batches of the structure of the given ones."""
        first, step = _share()
        start = self._epoch * len(self) if self._epoch else 0
        for i, (images, labels) in enumerate(self._batches(first, step)):
            yield self._augmented(images, labels, start + first + i * step)

    def _batches(self, first: int, step: int) -> Iterator:
        if isinstance(self.batches, DataLoader | IterableDataset):
            return iter(self.batches)
        return (self.batches[i] for i in range(first, len(self.batches), step))

    def _augmented(self, images: torch.Tensor, labels, number: int):
        images = images.numpy()
        if self.channels_first:
            images = np.moveaxis(images, 1, -1)
        images, labels = self.component(images, _mapped(torch.Tensor.numpy, labels), number)
        if self.channels_first:
            images = np.moveaxis(images, -1, 1)
        images = torch.from_numpy(np.ascontiguousarray(images))
        return images, _mapped(torch.from_numpy, labels)


def _share() -> tuple[int, int]:
    """First batch of this worker and the step to its next one."""
    worker = get_worker_info()
    return (worker.id, worker.num_workers) if worker else (0, 1)


def _mapped(convert, labels):
    if isinstance(labels, dict):
        return {task: convert(values) for task, values in labels.items()}
    return convert(labels)
