"""Splitting work over the jobs of a job array."""

import re
from dataclasses import dataclass

from .errors import UserError


@dataclass(frozen=True)
class Shard:
    """One of several jobs that share work.

    Attributes
    ----------
    index : int
        Counts from 0.
    number : int
        How many jobs there are.
    """

    index: int = 0
    number: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``i/n``; i may count from 0 or from 1, as long as all jobs do alike.

        Raises
        ------
        UserError
            If ``text`` is not two whole numbers with i between 0 and n.
        """
        match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if match is None:
            raise UserError(f"'{text}' is not a shard: write i/n, for example 2/8.")
        index, number = int(match[1]), int(match[2])
        if number < 1 or index > number:
            raise UserError(f"'{text}' is not a shard: i must lie between 0 and n, n be positive.")
        return cls(index % number, number)

    def range_of(self, n_events: int) -> range:
        """The events, of ``n_events`` in all, that are this job's; jobs differ by one at most."""
        return range(
            n_events * self.index // self.number, n_events * (self.index + 1) // self.number
        )

    def __str__(self):
        return f"{self.index}/{self.number}"
