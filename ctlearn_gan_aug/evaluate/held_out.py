"""Reading simulated test events that suit a bundle and that its generator has not seen."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data.events import read_events
from ..errors import UserError
from .sample import Sample

log = logging.getLogger(__name__)

MIN_EVENTS = 40  # twenty images on each side; below, no statistic means anything
_PRIMARY_IDS = {"gamma": 0, "electron": 1, "proton": 101}  # as CORSIKA writes them to DL1


def read_held_out(
    bundle, files: Sequence[str | Path], *, max_events: int | None, seed: int, own: bool = True
) -> tuple[Sample, list[Path]]:
    """Simulated events in the bundle's selection, without those it was trained on.

    Parameters
    ----------
    bundle : Bundle
        Whose camera, channels and cuts the events must have.
    files : sequence of path
        DL1 files and folders.
    max_events : int, optional
        Keep a random subset of this size.
    own : bool
        Whether they should be the generator's particle, or another one.

    Raises
    ------
    UserError
        If files cannot be read, hold the wrong particle or another camera, or too few events.
    """
    telescope = bundle.subarray.tel[bundle.tel_id]
    events = read_events(
        files,
        channels=bundle.meta.channels,
        quality_criteria=bundle.meta.quality_criteria,
        tel_type=str(telescope),
    )
    source = events.sources[0]
    if not bundle.camera.same_as(events.camera):
        raise UserError(
            f"{source}: its camera {events.camera.name} differs from that of {bundle.path}; give "
            "files of the telescope the generator was trained on."
        )
    _check_particle(bundle.meta.particle, events, own)
    unseen = ~_seen(events.labels, bundle.label_table)
    if not unseen.all():
        n_seen = np.count_nonzero(~unseen)
        log.warning("%s: %d events are left out: the generator learnt from them.", source, n_seen)
    if unseen.sum() < MIN_EVENTS:
        raise UserError(
            f"{source}: holds {unseen.sum()} events that the generator has not seen; give test "
            f"files with at least {MIN_EVENTS}."
        )
    rows = np.flatnonzero(unseen)
    if max_events is not None and max_events < len(rows):
        rows = np.sort(np.random.default_rng(seed).choice(rows, max_events, replace=False))
    return Sample.of(events.select(rows)), events.sources


def _check_particle(particle: str, events, own: bool) -> None:
    wanted = _PRIMARY_IDS.get(particle)
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


def _seen(labels, training) -> np.ndarray:
    """Boolean (n,): events that are among the training events."""
    names = ("obs_id", "event_id", "tel_id", "true_energy")
    keys = set(zip(*(np.asarray(training[name]).tolist() for name in names), strict=True))
    rows = zip(*(np.asarray(labels[name]).tolist() for name in names), strict=True)
    return np.fromiter((row in keys for row in rows), bool, len(labels))
