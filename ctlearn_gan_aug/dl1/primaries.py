"""Which particle started a shower, as CORSIKA numbers them in DL1."""

import numpy as np

from ..errors import UserError

PRIMARY_IDS = {"gamma": 0, "electron": 1, "proton": 101}


def check_primaries(primary_ids: np.ndarray, particle: str, path) -> None:
    """Refuse showers of another particle than the one that is to be learnt.

    Parameters
    ----------
    primary_ids : ndarray of int (n,)
        ``true_shower_primary_id``.
    particle : str
        Its name; nothing is known of others than those in `PRIMARY_IDS`.
    path : path
        Where the showers are from, for the message.

    Raises
    ------
    UserError
        If any shower is another particle's.
    """
    wanted = PRIMARY_IDS.get(particle)
    others = primary_ids[primary_ids != wanted] if wanted is not None else []
    if len(others):
        names = {number: name for name, number in PRIMARY_IDS.items()}
        found = ", ".join(
            f"{names.get(number, 'primary')} ({number})" for number in np.unique(others).tolist()
        )
        raise UserError(
            f"particle: is {particle}, but {len(others)} of {len(primary_ids)} showers in {path} "
            f"and the other files are of {found}; give files of {particle}s, or name the particle "
            "that they hold."
        )
