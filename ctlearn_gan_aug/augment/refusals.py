"""What CTLearn and dl1-data-handler refuse, in one sentence."""

import traceback
from pathlib import Path

from ctapipe.core.tool import ToolConfigurationError
from traitlets import TraitError

from ..errors import UserError

#: Packages whose own exceptions are refusals meant for the user.
_REFUSING = ("ctlearn", "dl1_data_handler")


def explain(error: Exception) -> UserError | None:
    """The user's error behind an exception of a CTLearn training.

    Returns
    -------
    UserError or None
        None if it looks like a defect, whose traceback is then of use.
    """
    if isinstance(error, ToolConfigurationError | TraitError):
        return UserError(_configuration_sentence(error))
    last = traceback.extract_tb(error.__traceback__)[-1]
    if isinstance(error, KeyError) and last.name == "from_name":
        return UserError(f"There is no component {error}; check the names in the configuration.")
    if "class_weight" in str(error):  # Keras, of several outputs or a dictionary of one
        return UserError(
            "CTLearn trains with background files for the task 'type' alone; leave out "
            "--background or ask for --reco type."
        )
    raised_on_purpose = (last.line or "").strip().startswith("raise ")
    if raised_on_purpose and set(_REFUSING) & set(Path(last.filename).parts):
        return UserError(_one_line(error))
    return None


def _configuration_sentence(error: Exception) -> str:
    if isinstance(error, ToolConfigurationError) and error.__cause__ is not None:
        return f"A configuration file cannot be read: {_one_line(error.__cause__)}"
    # A wrong option makes traitlets complain about others on the way out; the first one counts.
    while isinstance(error.__context__, TraitError):
        error = error.__context__
    return _one_line(error.args[0])


def _one_line(message) -> str:
    return " ".join(str(message).split())
