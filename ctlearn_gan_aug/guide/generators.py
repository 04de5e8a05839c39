"""Whether a generator can fill a cell: its training domain, events and label fidelity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..bundle import Bundle, load_bundle
from ..errors import UserError
from .cells import MIN_TEST, Grid
from .fidelity import Fidelity
from .predict import Predicted, log_energies, offsets

#: Training events that a generator needs about a cell's energies, with and without evaluation.
LEAST_EVENTS = 5
LEAST_UNMEASURED = 30
#: How far beyond a cell's energies events teach it what is inside, dex.
_REACH = 0.25
#: Share of a cell's test events that must lie in the training domain.
_INSIDE = 0.5


@dataclass(frozen=True)
class Generator:
    """A bundle, and what an evaluation says of it.

    Attributes
    ----------
    bundle : Bundle
        The generator.
    fidelity : Fidelity or None
        Its evaluation.
    """

    bundle: Bundle
    fidelity: Fidelity | None = None

    @property
    def particle(self) -> str:
        """Its particle."""
        return self.bundle.meta.particle

    @property
    def energy_domain(self) -> tuple[float, float]:
        """Lowest and highest training energy, log10 TeV."""
        energy = log_energies(self.bundle.label_table)
        return float(energy.min()), float(energy.max())

    @property
    def offset_domain(self) -> tuple[float, float]:
        """From the centre to the furthest training event, deg; near the centre there is no room."""
        return 0.0, float(offsets(self.bundle.label_table, self.bundle.camera.focal_length).max())

    def check_camera(self, events: Predicted) -> None:
        """Refuse events of another camera.

        Raises
        ------
        UserError
            If their number of pixels or focal length differs.
        """
        camera = self.bundle.camera
        same_optics = np.isclose(camera.focal_length, events.focal_length, rtol=1e-3)
        if camera.n_pixels != events.n_pixels or not same_optics:
            raise UserError(
                f"{self.bundle.path}: made for {camera.n_pixels} pixels at a focal length of "
                f"{camera.focal_length:.2f} m, but the test files have {events.n_pixels} at "
                f"{events.focal_length:.2f} m; name a generator of their camera."
            )

    def n_learnt(self, low: float, high: float) -> int:
        """Its training events between two energies (log10 TeV), and a little beyond."""
        energy = log_energies(self.bundle.label_table)
        return int(np.count_nonzero((energy > low - _REACH) & (energy < high + _REACH)))


def load_generators(bundles: Sequence[Path], evaluations: Sequence[Path]) -> dict[str, Generator]:
    """Open bundles by particle, each with the evaluation of it.

    Raises
    ------
    UserError
        If two are of one particle, or an evaluation is of another generator.
    """
    found: dict[str, Generator] = {}
    fidelities = {x.bundle_id: x for x in map(Fidelity.load, evaluations)}
    for path in bundles:
        bundle = load_bundle(path)
        particle = bundle.meta.particle
        if particle in found:
            raise UserError(
                f"{path}: generates {particle}, as {found[particle].bundle.path} does; give one "
                "generator per particle."
            )
        found[particle] = Generator(bundle, fidelities.pop(bundle.meta.bundle_id, None))
    for other in fidelities.values():
        raise UserError(
            f"{other.path}: evaluates the generator {other.bundle_id}, which is not given; name "
            "its bundle by --generator or leave the evaluation out."
        )
    return found


def objections(generator: Generator | None, tasks, grid: Grid, events: Predicted, cell):
    """A function that says why a generator is not good enough in a cell, see `Objection`.

    Parameters
    ----------
    generator : Generator or None
        Without one, nothing is said against it.
    tasks : sequence of str
        The model's.
    grid : Grid
        The cells.
    events : Predicted
        Test events.
    cell : ndarray (n,)
        Where they lie.
    """
    if generator is None:
        return lambda place, factors: None
    low, high = generator.energy_domain
    _, outermost = generator.offset_domain
    energy, offset = events.log_energy, events.offset
    in_domain = (energy >= low) & (energy <= high) & (offset <= outermost)

    def objection(place: tuple[int, int], factors: Mapping[str, float]) -> str | None:
        row, column = place
        here = cell == row * grid.shape[1] + column
        if np.count_nonzero(here) < MIN_TEST:
            here = cell // grid.shape[1] == row
        if in_domain[here].mean() < _INSIDE:
            return (
                f"the cell is outside of the generator's training domain ({10**low:.3g} to "
                f"{10**high:.3g} TeV, to {outermost:.3g} deg)"
            )
        fidelity = generator.fidelity
        needed = LEAST_EVENTS if fidelity else LEAST_UNMEASURED
        n_learnt = generator.n_learnt(*grid.energy_edges[row : row + 2])
        if n_learnt < needed:
            unmeasured = "" if fidelity else " and no evaluation is given"
            return f"the generator learnt from {n_learnt} events about this energy{unmeasured}"
        return fidelity and fidelity.objection(tasks, energy[here], factors)

    return objection
