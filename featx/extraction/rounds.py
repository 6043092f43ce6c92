"""How many images lack rows goes in, round by round; an error comes out when rounds bring nothing any more."""

from __future__ import annotations

from ..exceptions import CacheError

__all__ = ["Rounds"]

# Rounds that may follow each other without a new row.
MOST_FRUITLESS_ROUNDS = 2


class Rounds:
    """Rounds of computing what a store lacks.

    Rows can be gone again when they are looked for: another process pruned, a segment was damaged, a file changed while
    its copies did not. But in each round fewer images lack rows than ever before, or it was in vain, and few of these
    may follow each other. So the rounds end, whatever others do.

    Parameters
    ----------
    n_images : int
    place : str
        Where the rows are kept.
    """

    def __init__(self, n_images: int, place: str) -> None:
        self.n_images, self.place = n_images, place
        self._fewest, self._fruitless = n_images + 1, 0

    def begin(self, n_missing: int) -> None:
        """Note how many images lack rows before a round, or after the last one.

        Raises
        ------
        CacheError
            If so many rounds have brought nothing that another would not either.
        """
        self._fruitless = 0 if n_missing < self._fewest else self._fruitless + 1
        self._fewest = min(n_missing, self._fewest)
        if self._fruitless > MOST_FRUITLESS_ROUNDS:
            raise CacheError(
                f"{n_missing:,} of {self.n_images:,} images have no rows in {self.place}, though they were computed "
                f"{self._fruitless} times: something removes them, or they cannot be read back",
                "End what prunes there meanwhile, run `featx cache verify`, or choose another folder (cache=DIR).",
            )
