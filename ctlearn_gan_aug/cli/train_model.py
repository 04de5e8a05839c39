"""``ctlearn-gan train-model``: CTLearn's training tool with generated images mixed in."""

import click

_HELP = ("-h", "--help", "--help-all")
#: Of commands that are ctapipe tools and read their options themselves.
CTLEARN_OPTIONS = {
    "context_settings": {"ignore_unknown_options": True, "help_option_names": []},
    "add_help_option": False,
}


@click.command(
    "train-model",
    short_help="Train a CTLearn model, with generated images mixed in.",
    **CTLEARN_OPTIONS,
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Train a CTLearn model as ctlearn-train-model does, with the gan_augment: block honoured.

    OPTIONS are those of ctlearn-train-model, unchanged.
    """
    prepare()
    from ..augment.tool import TrainAugmentedCTLearnModel

    run(TrainAugmentedCTLearnModel(), options)


def prepare() -> None:
    """Set up what has to be there before a tool is imported."""
    from ..logs import set_up_logging
    from .backend import need_tensorflow

    set_up_logging()
    need_tensorflow()


def run(tool, options: tuple[str, ...]) -> None:
    """Run a ctapipe tool with its options, or show its help."""
    if set(options) & set(_HELP):
        tool.print_help("--help-all" in options)
        return
    tool.run(list(options))
