"""A control of comparisons: labels that tell nothing of the functions that have them."""

from collections.abc import Iterable, Sequence

import numpy as np

from surrogate.search.evaluator import Evaluator, Outcome, Request
from surrogate.search.space import SearchSpace


class ShuffledEvaluator:
    """Deals the values of functions out at random among them: a control.

    Args:
        evaluator: whose values are dealt out.
        space: an enumerated space.
        seed: of the order.
    """

    def __init__(self, evaluator: Evaluator, space: SearchSpace, seed: int) -> None:
        self._evaluator, self._functions = evaluator, space.functions
        self._order = np.random.default_rng(seed).permutation(len(space.functions))

    @property
    def source(self) -> str:
        """Where the values come from."""
        return f"shuffled {self._evaluator.source}"

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those of the evaluator."""
        return self._evaluator.seeds

    def evaluate(self, requests: Sequence[Request]) -> Iterable[Outcome]:
        """The values of other functions."""
        rows = [int(self._order[self._functions.row_of[request.key]]) for request in requests]
        cells, keys = self._functions.cells, self._functions.keys
        return self._evaluator.evaluate(
            [Request(cells[r], keys[r], q.seed) for r, q in zip(rows, requests, strict=True)]
        )
