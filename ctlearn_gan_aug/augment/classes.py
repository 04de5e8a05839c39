"""Signal and background weigh the same in CTLearn's loss, whatever is mixed."""

import logging

import numpy as np

from .mixing import MixedBatches, class_weights

log = logging.getLogger(__name__)


def classes_of(reader) -> np.ndarray | None:
    """Whether each event of a reader is signal (n,) of bool; None if CTLearn weighs no classes."""
    if reader.class_weight is None:
        return None
    return np.asarray(reader.example_identifiers["true_shower_primary_class"]) == 1


def set_class_weights(reader, mixed: MixedBatches) -> None:
    """Give a reader the class weights of mixed batches, unless the batches have them themselves."""
    if reader.class_weight is None:
        return
    fed = mixed.fed_per_class(mixed.plan.fullest_epoch)
    weights = class_weights(*fed)
    log.info(
        "gan_augment: an epoch has about %.0f background and %.0f signal images; class weights "
        "are %.3f and %.3f.",
        *fed,
        *weights.values(),
    )
    reader.class_weight = None if mixed.has_weights else weights
