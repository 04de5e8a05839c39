"""A seeded stream of one region's generated images, as the reader would deliver them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from ..data.channels import needs_mask, reader_channels
from ..dl1.selection import ImageSelection
from ..errors import UserError
from ..sampling.generate import NumberedImages
from ..sampling.tasks import task_labels
from .label_chunks import CHUNK_SIZE, MIN_ACCEPTANCE, LabelChunks
from .plan import MixedRegion

#: A region is judged by its share of accepted images after this many.
JUDGED_AFTER = 16 * CHUNK_SIZE
#: Numbers of images are split into blocks, one per epoch and region; they stay within 63 bits for
#: two million epochs.
_REGIONS = 2**10
_IMAGES_PER_REGION = 2**32


@dataclass(frozen=True)
class ReaderFormat:
    """How the reader delivers pixel values and labels.

    Attributes
    ----------
    channels : tuple of str
        The reader's channels.
    tasks : tuple of str
        CTLearn's reconstruction tasks.
    """

    channels: tuple[str, ...]
    tasks: tuple[str, ...]


@dataclass
class Tally:
    """What one region gave in one epoch, in images."""

    generated: int = 0
    accepted: int = 0
    mixed: int = 0

    @property
    def acceptance(self) -> float:
        """Fraction of the generated images that pass the quality cuts."""
        return self.accepted / max(self.generated, 1)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.generated + other.generated,
            self.accepted + other.accepted,
            self.mixed + other.mixed,
        )


@dataclass(frozen=True)
class Images:
    """Images with the labels of CTLearn's tasks.

    Attributes
    ----------
    pixels : ndarray float32 (n, n_pixels, n_channels)
        In the reader's channels.
    labels : dict of str to ndarray float32 (n,) or (n, 2)
        By task.
    """

    pixels: np.ndarray
    labels: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, index) -> "Images":
        """Images at ``index`` (slice or array)."""
        return Images(self.pixels[index], {k: v[index] for k, v in self.labels.items()})

    @classmethod
    def join(cls, parts: Sequence["Images"]) -> "Images":
        """Several sets one after the other."""
        if len(parts) == 1:
            return parts[0]
        labels = {k: np.concatenate([p.labels[k] for p in parts]) for k in parts[0].labels}
        return cls(np.concatenate([part.pixels for part in parts]), labels)


@dataclass(frozen=True)
class RegionStream:
    """Accepted images of one region, epoch by epoch.

    An epoch's images depend on seed, region number and epoch alone, not on threads or on how far
    another epoch was read.

    Attributes
    ----------
    region : MixedRegion
        What is generated.
    number : int
        Position of the region in the plan.
    seed : int
        Seed of the block.
    sampler : NumberedImages
        Makes the images.
    labels : LabelChunks
        Labels of the images.
    selection : ImageSelection
        Quality cuts.
    form : ReaderFormat
        What is delivered.
    """

    region: MixedRegion
    number: int
    seed: int
    sampler: NumberedImages
    labels: LabelChunks
    selection: ImageSelection
    form: ReaderFormat

    @property
    def refiner_id(self) -> str | None:
        """Name of the refiner that images go through, if there is one."""
        return self.sampler.refiner_id

    def identity(self) -> dict:
        """What its images depend on, as plain values."""
        region, bundle = self.region, self.region.bundle
        refined = {"refiner": self.refiner_id} if self.refiner_id else {}
        return refined | {
            "bundle": str(bundle.meta.bundle_id),
            "region": region.region.model_dump(mode="json"),
            "share": region.share,
            "is_signal": region.is_signal,
            "number": self.number,
            "seed": self.seed,
            "labels": self.labels.identity(),
            "candidates": self.sampler.candidates,
            "cut": str(self.selection),
            "channels": list(self.form.channels),
            "tasks": list(self.form.tasks),
        }

    def chunks(self, epoch: int, tally: Tally) -> Iterator[Images]:
        """Yield accepted images without end, counting them in ``tally``.

        Raises
        ------
        UserError
            If hardly any image passes the cuts, or the generator gives invalid values.
        """
        numbers = first_numbers(epoch, self.number)
        chunks = self.labels.chunks(np.random.default_rng([self.seed, self.number, epoch]))
        labels = next(chunks)
        while True:
            images, passed = self._accepted(numbers, labels)
            tally.generated += len(labels)
            tally.accepted += len(images)
            check_acceptance(tally, self.region, self.number, self.selection)
            if len(images):
                yield images
            labels, numbers = chunks.send(passed), numbers + CHUNK_SIZE

    def _accepted(self, numbers: np.ndarray, labels: Table) -> tuple[Images, np.ndarray]:
        """Images that pass the cuts, and which of all these are."""
        bundle = self.region.bundle
        pixels = self.sampler.images(numbers, bundle.labels.encode(labels))
        if not np.isfinite(pixels).all():
            raise UserError(f"{bundle.path}: generates values that are not finite; retrain it.")
        channel = {name: pixels[..., i] for i, name in enumerate(bundle.meta.channels)}
        images, peak_times = channel["image"], channel.get("peak_time")
        wants_mask = self.selection.needs_mask or needs_mask(self.form.channels)
        mask = self.selection.mask(images) if wants_mask else None
        passed = self.selection.passes(images, peak_times, mask, labels)
        content = {"image": images, "peak_time": peak_times, "image_mask": mask}
        content = {name: values[passed] for name, values in content.items() if values is not None}
        images = Images(
            reader_channels(content, self.form.channels),
            task_labels(self.form.tasks, labels[passed], self.region.is_signal),
        )
        return images, passed


def first_numbers(epoch: int, region: int) -> np.ndarray:
    """Numbers (CHUNK_SIZE,) of the first images of a region in an epoch; others have other ones."""
    first = (epoch * _REGIONS + region) * _IMAGES_PER_REGION
    return np.arange(first, first + CHUNK_SIZE, dtype=np.int64)


def check_acceptance(tally: Tally, region: MixedRegion, number: int, selection) -> None:
    """Refuse a region of which hardly any image passes the cuts, once enough were made."""
    if tally.generated >= JUDGED_AFTER and tally.acceptance < MIN_ACCEPTANCE:
        raise UserError(
            f"gan_augment: only {tally.accepted} of {tally.generated} images generated for "
            f"region {number + 1} ({region.region.describe()}) pass the quality cut "
            f"{selection}; choose a brighter region or a looser cut."
        )
