"""Events as a CTLearn training would read them: CTLearn's configuration says how."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import UserError
from .event_reader import EventReader
from .inputs import choose_inputs
from .names import reconcile_names
from .reader import named_failure


@contextlib.contextmanager
def open_ctlearn_reader(
    signal: Sequence[str | Path], config, background: Sequence[str | Path] = ()
) -> Iterator[EventReader]:
    """Open files with the reader that CTLearn's training tool would have; close them afterwards.

    Parameters
    ----------
    signal, background : sequence of path
        DL1 files and folders of the two classes.
    config : traitlets.config.Config
        CTLearn's configuration: channels, image mapper, quality criteria.

    Raises
    ------
    UserError
        If files or configuration do not fit, or no event is left.
    """
    from ctlearn.tools.train_model import TrainCTLearnModel
    from traitlets import TraitError

    reconcile_names()
    inputs = choose_inputs(signal, background)
    with warnings.catch_warnings(), named_failure(inputs):
        warnings.simplefilter("ignore")
        try:
            reader = EventReader(inputs, parent=TrainCTLearnModel(config=config))
        except TraitError as error:
            raise UserError(f"CTLearn configuration: {' '.join(str(error).split())}") from None
    try:
        if reader.mode != "mono":
            raise UserError(
                f"CTLearn configuration: mode '{reader.mode}' is not supported; set mode: mono."
            )
        yield reader
    finally:
        for handle in reader.files.values():
            handle.close()
