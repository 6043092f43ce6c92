"""Raise an error if computed embeddings keep disappearing from the cache, in place of computing them forever."""

from __future__ import annotations

from ..exceptions import CacheError

__all__ = ["Rounds"]

# How many rounds in a row may bring no new row.
MOST_FRUITLESS_ROUNDS = 2


class Rounds:
    """Rounds of computing the rows that a store lacks.

    Rows can be gone again when they are read: another process pruned, a segment was damaged, or a file changed while
    its copies did not. A round after which no fewer images lack rows than ever before is fruitless, and only a few
    fruitless rounds may follow each other. So the rounds end, whatever other processes do.

    Parameters
    ----------
    n_images : int
    place : str
        Where the rows are kept, for the message.
    """

    def __init__(self, n_images: int, place: str) -> None:
        self.n_images, self.place = n_images, place
        self._fewest, self._fruitless = n_images + 1, 0

    def begin(self, n_missing: int) -> None:
        """Note how many images lack rows before a round, or after the last one.

        Raises
        ------
        CacheError
            If too many rounds in a row were fruitless.
        """
        self._fruitless = 0 if n_missing < self._fewest else self._fruitless + 1
        self._fewest = min(n_missing, self._fewest)
        if self._fruitless > MOST_FRUITLESS_ROUNDS:
            raise CacheError(
                f"{n_missing:,} of {self.n_images:,} images have no rows in {self.place}, though they were computed "
                f"{self._fruitless} times: something removes them, or they cannot be read back",
                "End what prunes there meanwhile, run `featx cache verify`, or choose another folder (cache=DIR).",
            )
