"""Logging of the command line: our own messages plainly, libraries only when they warn."""

import logging
import os
import warnings


def set_up_logging() -> None:
    """Show our log lines on standard error and quieten chatty libraries; call before TensorFlow."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    own = logging.getLogger("ctlearn_gan_aug")
    own.handlers[:] = [handler]
    own.setLevel(logging.INFO)
    own.propagate = False
    warnings.filterwarnings("once", module="ctlearn_gan_aug")
    for module in ("tables", "keras", "tensorflow", "dl1_data_handler", "astropy", "erfa"):
        warnings.filterwarnings("ignore", module=module)
