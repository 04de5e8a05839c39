"""Tasks of a CTLearn model; one of the particle type alone gives its scores bare."""

import keras


def tasks_of(model: keras.Model) -> list[str]:
    """CTLearn's tasks that a model was trained for."""
    return list(model.output) if isinstance(model.output, dict) else ["type"]


def by_task(outputs) -> dict:
    """Outputs (n, k) by task."""
    return outputs if isinstance(outputs, dict) else {"type": outputs}
