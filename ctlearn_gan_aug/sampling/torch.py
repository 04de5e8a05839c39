"""Generated images as a dataset of PyTorch."""

import itertools
from collections.abc import Iterator

import torch
from torch.utils.data import IterableDataset, get_worker_info

from .batches import GeneratedBatches


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
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for number in itertools.islice(itertools.count(), first, self.n_batches, step):
            images, labels = self.batches[number]
            yield torch.from_numpy(images), {k: torch.from_numpy(v) for k, v in labels.items()}
