"""All measures of one sample of images beside another of the same labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .alignment import Aligned
from .cache import NO_CACHE, Cache
from .domain import Compared, judge_domain
from .feature_space import judge_features
from .gaps import Gap
from .image_fidelity import ImageResult, judge_images
from .label_fidelity import LabelResult, TypeResult, judge_labels, judge_type, pixel_auc
from .sample import Sample
from .stages import Effort, Stages


@dataclass(frozen=True)
class Context:
    """What is known beside the images.

    Attributes
    ----------
    cleaning : CleaningSettings
        Tail cuts for all images.
    others : Sample or None
        Simulated images of another particle.
    training : Sample or None
        The generator's training images.
    training_labels : astropy.table.Table or None
        Labels of the training events.
    requested : astropy.table.Table or None
        Labels of all generated events, if they are not those of the test events.
    columns : sequence of str
        Label columns of the generator.
    gaps : sequence of Gap
        Regions without training events.
    """

    cleaning: Any
    others: Sample | None = None
    training: Sample | None = None
    training_labels: Any = None
    requested: Any = None
    columns: Sequence[str] = ()
    gaps: Sequence[Gap] = field(default=())


@dataclass(frozen=True)
class Results:
    """All that figures and report need.

    Attributes
    ----------
    metrics : dict
        Sections ``energy``, ``direction``, ``type``, ``images``, ``features``, ``diversity``,
        ``domain``.
    labels : LabelResult
    type : TypeResult or None
    images : ImageResult
    """

    metrics: dict
    labels: LabelResult
    type: TypeResult | None
    images: ImageResult


def compare_samples(
    samples: Aligned,
    context: Context,
    *,
    effort: Effort,
    seed: int,
    stages: Stages,
    cache: Cache = NO_CACHE,
) -> Results:
    """Judge generated images, whatever made them, beside simulated ones.

    Parameters
    ----------
    samples : Aligned
        All samples, the generated one too.
    context : Context
        What is known beside them.
    effort, seed, stages
        How long judges are trained, what they draw, and who is told.
    cache : Cache
        Of trained judges and measured simulated images.
    """
    generated, simulated = samples.generated, samples.simulated
    stages.start("energy and direction")
    count = effort.regression_images
    training = {"seed": seed, "cache": cache}
    labels = judge_labels(
        samples.judging,
        simulated,
        generated,
        n_images=count,
        progress=stages.images(count),
        **training,
    )
    kinds = _judge_kinds(samples, context, effort, stages, training)
    pixels = _judge_pixels(samples, effort, stages, seed)
    stages.start("image parameters")
    images = judge_images(
        generated,
        simulated,
        samples.reference,
        context.cleaning,
        seed=seed,
        training=context.training,
        cache=cache,
    )
    images.metrics["images"]["auc_pixels"] = pixels
    stages.start("label domain")
    found = Compared(simulated, samples.reference, labels, images)
    sections = {
        "type": kinds.metrics if kinds else None,
        "features": judge_features(labels, kinds, seed),
        "domain": judge_domain(
            found, context.training_labels, context.requested, context.gaps, seed, context.columns
        ),
    }
    return Results(labels.metrics | images.metrics | sections, labels, kinds, images)


def _judge_kinds(
    samples: Aligned, context: Context, effort: Effort, stages: Stages, training: dict
) -> TypeResult | None:
    """The particle type, if images of another particle are there."""
    stages.start("particle type")
    if context.others is None:
        return None
    others_training, others_test = context.others.halves(training["seed"])
    count = effort.type_images
    return judge_type(
        (samples.judging, others_training),
        (samples.simulated, others_test),
        samples.generated,
        n_images=count,
        progress=stages.images(count),
        **training,
    )


def _judge_pixels(samples: Aligned, effort: Effort, stages: Stages, seed: int) -> dict | None:
    """How well a network tells generated pixels from simulated ones, if the effort allows it."""
    stages.start("pixels")
    count = effort.pixel_images
    if not count:
        return None
    progress = stages.images(count)
    return pixel_auc(
        samples.simulated, samples.generated, n_images=count, seed=seed, progress=progress
    )
