"""Which cells are to be augmented, and why the others are not: pure functions of arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .cells import MIN_TEST, Grid
from .filling import Filling
from .trend import Excess

#: Says why a generator is not good enough in a cell (row, column); None if it is. It is told by
#: which factors the model's errors exceed the trend there, by task.
Objection = Callable[[tuple[int, int], Mapping[str, float]], str | None]


class Kind(StrEnum):
    """What is said of a cell."""

    AUGMENT = "augment"
    GENERATOR = "generator"
    EXPECTED = "expected"
    ENOUGH = "enough"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """What is to be done in a cell.

    Attributes
    ----------
    kind : Kind
        In short: augment it; the generator is not good enough; few events, but no larger error
        than elsewhere; enough events; too little is known.
    reason : str
        Why, a sentence without full stop.
    """

    kind: Kind
    reason: str

    @property
    def taken(self) -> bool:
        """Whether the cell is to be augmented."""
        return self.kind is Kind.AUGMENT

    @property
    def wanted(self) -> bool:
        """Whether more events would help there, whatever the generator is like."""
        return self.kind in (Kind.AUGMENT, Kind.GENERATOR)


def judge_cells(
    grid: Grid, filling: Filling, excesses: Sequence[Excess], objection: Objection
) -> dict[tuple[int, int], Verdict]:
    """Judge every cell.

    More events would help where a cell has few of them and the model's error, of any task, exceeds
    what well-filled cells let expect there.

    Parameters
    ----------
    grid : Grid
        The cells.
    filling : Filling
        Training events in them.
    excesses : sequence of Excess
        Errors, one per task.
    objection : callable
        Of the generator.
    """
    return {cell: _judge(cell, filling, excesses, objection) for cell in grid}


def _judge(cell, filling: Filling, excesses: Sequence[Excess], objection: Objection) -> Verdict:
    high = [excess for excess in excesses if excess.significant[cell]]
    count = f"{filling.training[cell]} training events, {filling.target[cell]:.0f} wanted"
    if not filling.tested[cell] and not high:
        few = f"{filling.test[cell]} test events measure no error, {MIN_TEST} would"
        return Verdict(Kind.UNKNOWN, f"{count}; {few}")
    if not filling.few[cell]:
        other = f"; {_errors(high, cell)}, but not for lack of events" if high else ""
        return Verdict(Kind.ENOUGH, f"{count}{other}")
    if not any(excess.is_known for excess in excesses):
        return Verdict(Kind.UNKNOWN, f"{count}, and too few well-filled cells to compare with")
    if not high:
        return Verdict(Kind.EXPECTED, f"{count}, but no clear excess: {_errors(excesses, cell)}")
    problem = objection(cell, {x.errors.task: float(x.factor[cell]) for x in high})
    if problem is not None:
        return Verdict(Kind.GENERATOR, f"{count}; {_errors(high, cell)}; but {problem}")
    return Verdict(Kind.AUGMENT, f"{count}; {_errors(high, cell)}")


def _errors(excesses: Sequence[Excess], cell) -> str:
    return " and ".join(
        f"{x.errors.task} error {x.factor[cell]:.2f} times the trend ({x.sigma[cell]:+.1f} sigma)"
        for x in excesses
    )
