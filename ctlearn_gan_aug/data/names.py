"""The one place that knows a name on which releases of CTLearn and dl1-data-handler disagree."""


def reconcile_names() -> None:
    """Let CTLearn's tools run with the dl1-data-handler that is installed.

    CTLearn 0.10.4 calls ``DLDataReader._get_n_events``, which dl1-data-handler 0.14.11 renamed
    ``get_n_events``.
    """
    from dl1_data_handler.reader import DLDataReader

    if not hasattr(DLDataReader, "_get_n_events"):
        DLDataReader._get_n_events = DLDataReader.get_n_events
