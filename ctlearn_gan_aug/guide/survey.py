"""One class of events surveyed: its cells, errors and numbers, and what is to be done in each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from .advice import Verdict, judge_cells
from .block import Need, boxes
from .cells import CellErrors, Grid
from .filling import Filling
from .generators import Generator, objections
from .measure import blind_error, event_errors, unit_of
from .performance import performance
from .predict import Predicted, log_energies, offsets
from .trend import Excess

#: A model whose error exceeds this share of a blind guess's has not learnt.
LEARNT_ERROR = 0.6


@dataclass(frozen=True)
class Survey:
    """What is known of one class of events.

    Attributes
    ----------
    particle : str
        Its name.
    grid : Grid
        The cells.
    filling : Filling
        Training events in them.
    excesses : list of Excess
        Errors in them, one per task.
    verdicts : dict of (int, int) to Verdict
        Per cell.
    blind : list of float
        Mean errors of guesses that ignore the image, one per task.
    mean : list of float
        Mean errors of the model, one per task.
    benchmarks : dict of str to ndarray (n_energies, n_offsets)
        See `performance`.
    generator : Generator or None
        Of this particle.
    """

    particle: str
    grid: Grid
    filling: Filling
    excesses: list[Excess]
    verdicts: dict[tuple[int, int], Verdict]
    blind: list[float]
    mean: list[float]
    benchmarks: dict[str, np.ndarray]
    generator: Generator | None

    @property
    def unlearnt(self) -> list[str]:
        """Tasks whose error is not far below a blind guess's."""
        return [
            excess.errors.task
            for excess, mean, blind in zip(self.excesses, self.mean, self.blind, strict=True)
            if mean > LEARNT_ERROR * blind
        ]

    @property
    def chosen(self) -> np.ndarray:
        """Boolean (n_energies, n_offsets): cells that are to be augmented."""
        taken = [self.verdicts[cell].taken for cell in self.grid]
        return np.reshape(taken, self.grid.shape)

    def needs(self) -> list[Need]:
        """Regions that serve the chosen cells, within the generator's training domain."""
        found = []
        for box in boxes(self.chosen):
            log_energy, offset = box.limits(self.grid)
            if self.generator is not None:
                log_energy = _within(log_energy, self.generator.energy_domain)
                offset = _within(offset, self.generator.offset_domain)
            missing = float(self.filling.missing[box.rows, box.columns].sum())
            found.append(Need(self.particle, log_energy, offset, missing))
        return found


def survey(
    particle: str,
    events: Predicted,
    training: Table,
    tasks: Sequence[str],
    generator: Generator | None,
    *,
    others: Predicted | None = None,
    n_offsets: int,
    energy_width: float,
) -> Survey:
    """Survey a class of events.

    Parameters
    ----------
    particle : str
        Its name.
    events : Predicted
        Test events.
    training : astropy.table.Table
        Label table of the training events.
    tasks : sequence of str
        The model's.
    generator : Generator or None
        Of this particle.
    others : Predicted, optional
        Test events of the other class, for the type.
    n_offsets, energy_width
        See `Grid.fit`.
    """
    grid = Grid.fit(events.log_energy, events.offset, n_offsets, energy_width)
    cell = grid.locate(events.log_energy, events.offset)
    learnt = grid.locate(log_energies(training), offsets(training, events.focal_length))
    filling = Filling.of(grid.count(learnt), grid.count(cell))
    errors = {task: event_errors(task, events, others) for task in tasks}
    averages = [CellErrors.of(task, unit_of(task), x, cell, grid) for task, x in errors.items()]
    excesses = [Excess.of(average, filling, grid) for average in averages]
    objection = objections(generator, tasks, grid, events, cell)
    return Survey(
        particle,
        grid,
        filling,
        excesses,
        judge_cells(grid, filling, excesses, objection),
        [blind_error(task, events) for task in tasks],
        [float(error.mean()) for error in errors.values()],
        performance(events, grid, cell),
        generator,
    )


def _within(limits: tuple[float, float], domain: tuple[float, float]) -> tuple[float, float]:
    return max(limits[0], domain[0]), min(limits[1], domain[1])
