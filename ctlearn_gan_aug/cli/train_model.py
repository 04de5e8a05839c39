"""``ctlearn-gan train-model``: CTLearn's training tool with generated images mixed in."""

import click

_HELP = ("-h", "--help", "--help-all")


@click.command(
    "train-model",
    short_help="Train a CTLearn model, with generated images mixed in.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Train a CTLearn model as ctlearn-train-model does, with the gan_augment: block honoured.

    OPTIONS are those of ctlearn-train-model, unchanged.
    """
    from ..logs import set_up_logging
    from .backend import need_tensorflow

    set_up_logging()
    need_tensorflow()
    from ..augment.tool import TrainAugmentedCTLearnModel

    tool = TrainAugmentedCTLearnModel()
    if set(options) & set(_HELP):
        tool.print_help("--help-all" in options)
        return
    tool.run(list(options))
