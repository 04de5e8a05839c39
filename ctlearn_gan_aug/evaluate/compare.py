"""All measures of one sample of images beside another of the same labels."""

from dataclasses import dataclass

from .image_fidelity import ImageResult, judge_images
from .label_fidelity import LabelResult, TypeResult, judge_labels, judge_type, pixel_auc
from .sample import Sample
from .stages import Effort, Stages


@dataclass(frozen=True)
class Results:
    """All that figures and report need.

    Attributes
    ----------
    metrics : dict
        Sections ``energy``, ``direction``, ``type``, ``images``, ``diversity``.
    labels : LabelResult
    type : TypeResult or None
    images : ImageResult
    """

    metrics: dict
    labels: LabelResult
    type: TypeResult | None
    images: ImageResult


def compare_samples(
    generated: Sample,
    simulated: Sample,
    reference: Sample,
    cleaning,
    *,
    others: Sample | None,
    training: Sample | None,
    effort: Effort,
    seed: int,
    stages: Stages,
) -> Results:
    """Judge generated images, whatever made them, beside simulated ones of the same labels.

    Parameters
    ----------
    generated, simulated : Sample
        Images of the same labels.
    reference : Sample
        As many other simulated images: train the judges and give the null values.
    others : Sample, optional
        Simulated images of another particle.
    training : Sample, optional
        The generator's training images.
    """
    stages.start("energy and direction")
    count = effort.regression_images
    labels = judge_labels(
        reference, simulated, generated, n_images=count, seed=seed, progress=stages.images(count)
    )
    stages.start("particle type")
    kinds = None
    if others is not None:
        count = effort.type_images
        others_training, others_test = others.halves(seed)
        kinds = judge_type(
            (reference, others_training),
            (simulated, others_test),
            generated,
            n_images=count,
            seed=seed,
            progress=stages.images(count),
        )
    stages.start("pixels")
    pixels, count = None, effort.pixel_images
    if count:
        pixels = pixel_auc(
            simulated, generated, n_images=count, seed=seed, progress=stages.images(count)
        )
    stages.start("image parameters")
    images = judge_images(generated, simulated, reference, cleaning, seed=seed, training=training)
    metrics = labels.metrics | {"type": kinds.metrics if kinds else None} | images.metrics
    metrics["images"]["auc_pixels"] = pixels
    return Results(metrics, labels, kinds, images)
