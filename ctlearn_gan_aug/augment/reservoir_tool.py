"""The reservoir of a training made ahead, by any number of processes."""

from pathlib import Path

from traitlets import TraitError, Unicode, validate

from ..config.augment import GanAugmentConfig
from ..errors import UserError
from ..files import part_name
from ..shard import Shard
from .refill import Window
from .reservoir import Reservoir
from .tool import TrainAugmentedCTLearnModel


class MakeReservoir(TrainAugmentedCTLearnModel):
    """Make the generated images of a training before it.

    All options are those of ctlearn-gan train-model, and its configuration has a gan_augment:
    block with ``mode: reservoir``. Nothing is trained. The training, started with the same
    options, then finds the images; other tasks and numbers of epochs find them too. With --shard
    several processes share the work.
    """

    name = "ctlearn-gan-reservoir"
    description = __doc__
    examples = """
    To make one eighth of the images in each of eight jobs:
    > ctlearn-gan reservoir --config ctlearn.yaml \\
        --signal gamma_dl1_dir/ --output energy_model/ --reco energy --shard 1/8
    """

    shard = Unicode("1/1", help="Which part of the work is this process's: i/n.").tag(config=True)
    aliases = {**TrainAugmentedCTLearnModel.aliases, "shard": "MakeReservoir.shard"}

    @validate("shard")
    def _is_shard(self, proposal):
        try:
            Shard.parse(proposal["value"])
        except UserError as error:
            raise TraitError(str(error)) from None
        return proposal["value"]

    def start(self):
        """Train nothing."""

    def finish(self):
        """Leave nothing but the reservoir."""

    def _check_output(self) -> None:
        """Any output folder will do: that of the training, finished or not."""

    def _set_up_ctlearn(self) -> None:
        cache = self._cache
        self.output_dir = part_name(Path(self.output_dir))  # CTLearn refuses one that exists
        super()._set_up_ctlearn()
        self.store_dir = cache

    def _feed(self) -> None:
        raise UserError(
            "The configuration has no gan_augment: block that generates images, so there is "
            "nothing to make."
        )

    def _mix(self, block: GanAugmentConfig, bundles: dict) -> None:
        """Make the parts that are this process's."""
        if block.mode != "reservoir":
            raise UserError("gan_augment.mode: is online; set mode: reservoir to use what is made.")
        _, source = self._set_up_source(block, bundles)
        source.probe()
        reservoir = Reservoir.of(block.reservoir.folder or self._cache, source)
        n_parts = Window(reservoir, block.reservoir.images).n_parts
        shard = Shard.parse(self.shard)
        reservoir.make(range(shard.index, n_parts, shard.number))
        self.log.info("Reservoir of generated images: %s.", reservoir.folder)
