"""Train a PyTorch network on a DataLoader: a quarter generated, every image turned at random.

Usage: python examples/component_torch.py BUNDLE DL1_FILE
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")  # of the generator

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.data.events import read_events
from ctlearn_gan_aug.sampling.batches import GeneratedEvents
from ctlearn_gan_aug.sampling.components import Compose, MixGenerated, Part, TurnImages
from ctlearn_gan_aug.sampling.mapped import MappedImages
from ctlearn_gan_aug.sampling.tasks import task_labels
from ctlearn_gan_aug.sampling.torch import Augmented

TASKS = {"energy": 1, "cameradirection": 2}
BATCH, EPOCHS = 32, 2


class Showers(Dataset):
    """Images (channels, side, side) and their labels by task, one by one."""

    def __init__(self, images, labels):
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2)
        self.labels = {task: torch.from_numpy(values) for task, values in labels.items()}

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], {task: values[i] for task, values in self.labels.items()}


def small_network(n_channels: int) -> nn.Module:
    """A few convolutions, and the numbers of all tasks side by side."""
    layers = [nn.BatchNorm2d(n_channels)]
    for n_in, n_out in ((n_channels, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(n_in, n_out, 3, stride=2), nn.ReLU()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, sum(TASKS.values()))]
    return nn.Sequential(*layers)


def main(bundle_path: str, dl1_file: str) -> list[float]:
    """Train for a few steps; the mean loss of every epoch."""
    bundle, events = load_bundle(Path(bundle_path)), read_events([Path(dl1_file)])

    mapped = MappedImages(events.camera.mapping("BilinearMapper"))
    labels = task_labels(TASKS, events.labels, is_signal=True)
    showers = Showers(mapped.to_images(events.pixels), labels)

    component = Compose(
        [
            MixGenerated([Part(GeneratedEvents(bundle, seed=1), fraction=0.25)], mapped, seed=1),
            TurnImages(events.camera, mapped, seed=1),
        ]
    )
    torch.manual_seed(1)
    batches = DataLoader(showers, BATCH, shuffle=True, drop_last=True)
    training = Augmented(batches, component, channels_first=True)

    network = small_network(events.pixels.shape[-1])
    optimizer = torch.optim.Adam(network.parameters())
    losses = []
    for epoch in range(EPOCHS):
        training.set_epoch(epoch)
        total = 0.0
        for images, truth in training:
            found = network(images).split(list(TASKS.values()), dim=1)
            loss = sum(
                (x - truth[task].view_as(x)).abs().mean()
                for task, x in zip(TASKS, found, strict=True)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(training))
        print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}")
    return losses


if __name__ == "__main__":
    main(*sys.argv[1:])
