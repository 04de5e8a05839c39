"""Augmentation as a list of components, for the data loading of any framework, in NumPy alone."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..camera import Camera
from ..errors import UserError
from ..symmetry import Pointing, Turns
from .batches import GeneratedEvents
from .mapped import MappedImages
from .tasks import check_labels, task_labels

log = logging.getLogger(__name__)

#: By CTLearn's task, or the bare array of the type where that is the only task.
Labels = Mapping[str, np.ndarray] | np.ndarray
#: Keep components with the same seed from drawing the same numbers.
_TURNS, _ROWS = 1, 2


class Component(Protocol):
    """What is done to one batch; the same for the same number, whenever and by whomever."""

    def __call__(
        self, images: np.ndarray, labels: Labels, number: int
    ) -> tuple[np.ndarray, Labels]:
        """A batch of the same structure, in new arrays where something changed.

        Parameters
        ----------
        images : ndarray (B, n_pixels, c) or (B, side, side, c)
            Pixel vectors or mapped images, p.e. and ns.
        labels : mapping of str to ndarray, or ndarray
            ``type`` one-hot (B, 2) or class (B,), ``energy`` log10 TeV (B,), ``cameradirection``
            m (B, 2), ``skydirection`` deg (B, 2); the bare type where it is the only task.
        number : int
            Of the batch since the start of the training, from 0.
        """


@dataclass(frozen=True)
class Compose:
    """Components one after the other, as one.

    Attributes
    ----------
    components : sequence of Component
        In the order they are applied.
    """

    components: Sequence[Component]

    def __call__(self, images, labels, number: int):
        """A batch after all components."""
        for component in self.components:
            images, labels = component(images, labels, number)
        return images, labels


class TurnImages:
    """Turns and mirrors every image by a random symmetry of its camera, directions with it.

    Parameters
    ----------
    camera : Camera
        Of the images.
    mapped : MappedImages, optional
        How the images were mapped; by default they are pixel vectors.
    pointing : Pointing, optional
        Of all events, for ``skydirection`` where telescope and array do not point alike.
    seed : int
        Of the choice.
    """

    def __init__(
        self,
        camera: Camera,
        mapped: MappedImages | None = None,
        pointing: Pointing | None = None,
        seed: int = 0,
    ):
        self.turns = Turns.of(camera)
        self.mapped = mapped
        self.pointing = pointing
        self.seed = seed

    def __call__(self, images, labels, number: int):
        """See `Component`."""
        rng = np.random.default_rng([self.seed, _TURNS, number])
        which = rng.integers(len(self.turns), size=len(images))
        pixels = self.mapped.to_pixels(images) if self.mapped else images
        pixels, labels = self.turns.turn(pixels, labels, which, self.pointing)
        return self.mapped.to_images(pixels) if self.mapped else pixels, labels


@dataclass(frozen=True)
class Part:
    """A part of every batch that is generated.

    Attributes
    ----------
    events : GeneratedEvents
        Its images.
    fraction : float
        Of the batch.
    is_signal : bool, optional
        Class for the task ``type``; by default gammas are signal, others background.
    """

    events: GeneratedEvents
    fraction: float
    is_signal: bool | None = None

    def take(self, number: int, n: int, tasks) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Pixels and task labels of the ``n`` images in batch ``number``."""
        bundle = self.events.bundle
        check_labels(bundle, tasks)
        is_signal = bundle.meta.particle == "gamma" if self.is_signal is None else self.is_signal
        pixels, table = self.events.take(number * n, n)
        return pixels, task_labels(tasks, table, is_signal)


class MixGenerated:
    """Replaces a part of every batch by generated images, in rows chosen at random.

    Fractions of the batch are rounded to whole images. No quality cut is applied; generators give
    images as their training events were.

    Parameters
    ----------
    parts : sequence of Part
        One or several generators.
    mapped : MappedImages, optional
        How images are mapped; by default they are pixel vectors.
    seed : int
        Of the rows; images have the seeds of their parts.

    Raises
    ------
    UserError
        If the fractions are not between 0 and 1 together.
    """

    def __init__(self, parts: Sequence[Part], mapped: MappedImages | None = None, seed: int = 0):
        self.parts = parts
        self.mapped = mapped
        self.seed = seed
        fractions = [part.fraction for part in parts]
        if min(fractions, default=0.0) <= 0 or sum(fractions) > 1:
            raise UserError(
                f"Fractions {', '.join(f'{f:g}' for f in fractions) or 'are missing'}: each must "
                "be above 0, and all together at most 1."
            )

    def counts(self, batch_size: int) -> list[int]:
        """Generated images of every part in a batch."""
        upto = np.cumsum([part.fraction for part in self.parts]) * batch_size
        return np.diff(np.floor(upto + 0.5).astype(int), prepend=0).tolist()

    def __call__(self, images, labels, number: int):
        """See `Component`."""
        counts = self.counts(len(images))
        if 0 in counts:
            log.warning("A batch of %d images has no room for every generator.", len(images))
        rng = np.random.default_rng([self.seed, _ROWS, number])
        rows = rng.permutation(len(images))
        images, labels = images.copy(), _copy(labels)
        for part, n in zip(self.parts, counts, strict=True):
            pixels, new_labels = part.take(number, n, list(_by_task(labels)))
            self._replace(images, labels, rows[:n], pixels, new_labels)
            rows = rows[n:]
        return images, labels

    def _replace(self, images, labels, rows, pixels, new_labels) -> None:
        new_images = self.mapped.to_images(pixels) if self.mapped else pixels
        if new_images.shape[1:] != images.shape[1:]:
            raise UserError(
                f"Generated images have the shape {new_images.shape[1:]}, those of the batch "
                f"{images.shape[1:]}; use a bundle of this camera and these channels, and name "
                "the mapper if images are mapped."
            )
        images[rows] = new_images
        for task, values in _by_task(labels).items():
            is_class = task == "type" and values.ndim == 1
            new = new_labels[task]
            values[rows] = new.argmax(axis=1) if is_class else new


def _by_task(labels: Labels) -> Mapping[str, np.ndarray]:
    return labels if isinstance(labels, Mapping) else {"type": labels}


def _copy(labels: Labels) -> Labels:
    if isinstance(labels, Mapping):
        return {task: values.copy() for task, values in labels.items()}
    return labels.copy()
