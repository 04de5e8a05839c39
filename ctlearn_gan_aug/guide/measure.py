"""The error of every event, by task, such that its mean in a cell is what the field quotes."""

import numpy as np

from .predict import Predicted

#: Events of the other class of like charge that an event is ranked among.
_RIVALS = 200
_SIGNAL = 1  # column of CTLearn's class scores
_UNITS = {"energy": "dex", "cameradirection": "deg", "skydirection": "deg", "type": ""}


def unit_of(task: str) -> str:
    """Unit of a task's error; empty for the type."""
    return _UNITS[task]


def event_errors(task: str, events: Predicted, others: Predicted | None = None) -> np.ndarray:
    """Error (n,) of every event.

    Parameters
    ----------
    task : str
        ``energy``: |log10 of reconstructed over true energy|; directions: angle between the
        reconstructed and the true one, deg; ``type``: share of the events of the other class of
        about the same charge that look more like this event's class, whose mean is 1 - AUC.
    events : Predicted
        Of one class.
    others : Predicted, optional
        Of the other class, for the type.
    """
    found = events.outputs[task].astype(float)
    if task == "energy":
        return np.abs(found[:, 0] - events.log_energy)
    if task == "cameradirection":
        return np.degrees(np.hypot(*(found - truth(task, events)).T) / events.focal_length)
    if task == "skydirection":
        return _separation(found, truth(task, events))
    return _confusion(events, others)


def truth(task: str, events: Predicted) -> np.ndarray:
    """True values (n, 2) of a direction, as CTLearn's labels."""
    names = {
        "cameradirection": ("cam_coord_offset_x", "cam_coord_offset_y"),
        "skydirection": ("fov_lon", "fov_lat"),
    }[task]
    return np.stack([np.asarray(events.labels[name], dtype=float) for name in names], axis=1)


def blind_error(task: str, events: Predicted) -> float:
    """Mean error of the best guess that ignores the image."""
    if task == "type":
        return 0.5
    if task == "energy":
        return float(np.mean(np.abs(events.log_energy - np.median(events.log_energy))))
    true = truth(task, events)
    distance = np.linalg.norm(true - np.median(true, axis=0), axis=1).mean()
    return float(np.degrees(distance / events.focal_length) if task[0] == "c" else distance)


def _separation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Angles (n,) between directions (n, 2) of longitude and latitude, deg."""
    from astropy.coordinates import angular_separation

    return np.degrees(angular_separation(*np.radians(one).T, *np.radians(other).T))


def _confusion(events: Predicted, others: Predicted) -> np.ndarray:
    """How often (n,) an event of the other class and of like charge scores better; ties half."""
    sign = 1.0 if events.is_signal else -1.0
    own, rival = (sign * x.outputs["type"][:, _SIGNAL] for x in (events, others))
    order = np.argsort(others.charge)
    n = min(_RIVALS, len(order))
    ends = (
        np.searchsorted(others.charge[order], events.charge, side) for side in ("left", "right")
    )
    first = np.clip(sum(ends) // 2 - n // 2, 0, len(order) - n)
    near = rival[order][first[:, None] + np.arange(n)]
    return np.mean((near > own[:, None]) + 0.5 * (near == own[:, None]), axis=1)
