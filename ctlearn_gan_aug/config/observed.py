"""What a training on observed images (``data.observed``) needs: their labels are an auxiliary's."""

#: With one of them the place of an image tells the impact.
_DIRECTIONS = {"cameradirection", "skydirection"}


def check_observed(config) -> None:
    """Refuse what the auxiliary cannot tell of the images that the critic is shown.

    Parameters
    ----------
    config : TrainConfig
        With observed data.

    Raises
    ------
    ValueError
        If there is no auxiliary, it does not judge a label, or would learn what it has said itself.
    """
    if config.auxiliary is None:
        raise ValueError(
            "data.observed: these images have labels through an auxiliary alone; add an auxiliary "
            "section."
        )
    if config.auxiliary.cotrain:
        raise ValueError(
            "data.observed: labels of these images are what the auxiliary says, which it cannot "
            "learn from; leave out auxiliary.cotrain."
        )
    judged = list(config.auxiliary.weights)
    told = judged + (["impact"] if _DIRECTIONS & set(judged) else [])
    for name in config.labels:
        if name not in told:
            raise ValueError(
                f"data.observed: nothing tells the label '{name}' of these images, as the "
                f"auxiliary judges {', '.join(judged)} alone; name it there or take it out of "
                "labels."
            )
