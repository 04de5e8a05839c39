"""What a training on observed images (``data.observed``) cannot have: they have no labels."""


def check_observed(config) -> None:
    """Refuse what needs the labels of the images that the critic is shown.

    Parameters
    ----------
    config : TrainConfig
        With observed data.

    Raises
    ------
    ValueError
        If a part asks for labels that are not there, or nothing lets images follow theirs.
    """
    for senseless, sentence in (
        (
            config.auxiliary is None,
            "images can follow their labels through the auxiliary alone; add an auxiliary section.",
        ),
        (
            config.critic.conditioning != "none" or config.critic.moments,
            "its images have no labels that the critic could be told; set critic.conditioning: "
            "none, critic.label_maps: false and critic.moments: false.",
        ),
        (
            config.critic.label_head,
            "its images have no labels that the critic could find; set critic.label_head: 0.",
        ),
        (
            config.vicinity is not None,
            "its images have no labels that could be near others; leave out the vicinity section.",
        ),
        (
            config.warmup.uses_pairs,
            "pairs teach what simulated images look like, which observed ones do not; set "
            "warmup.fraction: 0 and warmup.final_weight: 0.",
        ),
    ):
        if senseless:
            raise ValueError(f"data.observed: {sentence}")
    judged = [name for name, weight in config.auxiliary.weights.items() if weight]
    for name in config.labels:
        if name not in judged:
            raise ValueError(
                f"data.observed: nothing lets images follow the label '{name}', as the auxiliary "
                f"judges {', '.join(judged)} alone; weigh it there or take it out of labels."
            )
