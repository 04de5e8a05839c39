"""Reading simulated events that suit what is evaluated and that its generator has not seen."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data.events import Events, among, read_events
from ..dl1.primaries import PRIMARY_IDS
from ..errors import UserError
from .subject import Subject

log = logging.getLogger(__name__)

MIN_EVENTS = 40  # twenty images on each side; below, no statistic means anything


def read_held_out(subject: Subject, files: Sequence[str | Path], *, own: bool = True) -> Events:
    """Simulated events in the subject's selection, without those its generator was trained on.

    Parameters
    ----------
    subject : Subject
        Whose camera, channels and cuts the events must have.
    files : sequence of path
        DL1 files and folders.
    own : bool
        Whether they should be the generator's particle, or another one.

    Raises
    ------
    UserError
        If files cannot be read, hold the wrong particle or another camera, or too few events.
    """
    events = _read(subject, files)
    source = events.sources[0]
    _check_particle(subject.particle, events, own)
    if subject.training_labels is None:
        unseen = np.ones(len(events), bool)
    else:
        unseen = ~among(events.labels, subject.training_labels)
    if not unseen.all():
        n_seen = np.count_nonzero(~unseen)
        log.warning("%s: %d events are left out: the generator learnt from them.", source, n_seen)
    if unseen.sum() < MIN_EVENTS:
        raise UserError(
            f"{source}: holds {unseen.sum()} events that the generator has not seen; give test "
            f"files with at least {MIN_EVENTS}."
        )
    return events.select(np.flatnonzero(unseen))


def read_training(subject: Subject, files: Sequence[str | Path]) -> Events:
    """The generator's training events, in its selection."""
    return _read(subject, files)


def _read(subject: Subject, files) -> Events:
    events = read_events(
        files,
        channels=subject.channels,
        quality_criteria=subject.quality_criteria,
        tel_type=subject.telescope,
    )
    if not subject.camera.same_as(events.camera):
        raise UserError(
            f"{events.sources[0]}: its camera {events.camera.name} differs from that of "
            f"{subject.path}; give files of the same telescope."
        )
    return events


def _check_particle(particle: str, events: Events, own: bool) -> None:
    wanted = PRIMARY_IDS.get(particle)
    if wanted is None:
        return
    matches = np.asarray(events.labels["true_shower_primary_id"]) == wanted
    if own and not matches.all():
        raise UserError(
            f"{events.sources[0]}: holds other particles than the generator's ({particle}); give "
            f"files of {particle}s with --test, other particles with --other."
        )
    if not own and matches.any():
        raise UserError(
            f"{events.sources[0]}: holds {particle}s like the generator's; give files of another "
            "particle with --other."
        )
