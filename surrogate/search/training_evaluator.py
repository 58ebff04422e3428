"""Values of functions from real trainings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graph_encoding.common.errors import UserError
from graph_encoding.macro import MACROS, Macro
from graph_encoding.semantics import Semantics
from surrogate.search.evaluator import Outcome, Request
from surrogate.search.problem import SearchProblem
from train_benchmark.labels import label_of
from train_benchmark.record import TrainingRecord

Train = Callable[[Sequence[Request], Callable[[TrainingRecord], None]], None]
"""Trains what is requested, unless its record exists. Calls the function that it is given with the
record of each request as soon as it exists."""


@dataclass(frozen=True)
class TrainedBy:
    """What an evaluator must know of the recipe that it trains by.

    Attributes:
        recipe_hash: sha256 of the recipe.
        semantics: how the recipe reads cells.
        macro: its macro network.
    """

    recipe_hash: str
    semantics: Semantics
    macro: Macro


class TrainingEvaluator:
    """Trains each function that is asked for.

    The function that trains is a parameter, because searches must be usable without torch. The
    caller stores records: a resumed search then reuses those that a kill left behind.

    A training measures no latency. A latency limit therefore rests on its forecast alone.

    Args:
        train: trains a batch.
        problem: what is wanted.
        seeds: seeds of the trainings, in the order in which repeats of a function take them.
        recipe: the recipe of `train`.

    Raises:
        UserError: if there is no seed, one repeats or is negative, an objective is a latency, the
            recipe reads cells otherwise, or params and MACs are of another macro network.
    """

    def __init__(
        self, train: Train, problem: SearchProblem, *, seeds: Sequence[int], recipe: TrainedBy
    ) -> None:
        self._train, self._problem, self._recipe = train, problem, recipe
        self._seeds = tuple(seeds)
        if not self._seeds or len(set(self._seeds)) != len(self._seeds) or min(self._seeds) < 0:
            raise UserError(f"trainings must have distinct seeds >= 0, but got {list(seeds)}")
        latencies = [q.name for q in problem.objectives if q.kind == "latency"]
        if latencies:
            raise UserError(
                f"trainings measure no latency, but {latencies[0]!r} is an objective; make it a "
                "limit, which is forecast, or search a table"
            )
        if recipe.semantics is not problem.space.semantics:
            raise UserError(
                f"a search must read cells as its recipe does, {recipe.semantics.value!r}, but "
                f"reads them as {problem.space.semantics.value!r}"
            )
        if any(q.is_static for q in problem.quantities) and (
            MACROS.get(problem.macro) != recipe.macro
        ):
            raise UserError(
                f"params and macs must be those of the recipe's macro network {recipe.macro}, but "
                f"the problem has {problem.macro!r}; search by val_per alone, or choose a recipe "
                "with that network"
            )

    @property
    def source(self) -> str:
        """The recipe's hash, shortened."""
        return f"trainings by recipe {self.recipe_hash[:12]}"

    @property
    def recipe_hash(self) -> str:
        """The recipe's hash."""
        return self._recipe.recipe_hash

    @property
    def content_sha256(self) -> str:
        """The recipe's hash, which values depend on."""
        return self.recipe_hash

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were given."""
        return self._seeds

    def evaluate(self, requests: Sequence[Request]) -> list[Outcome]:
        """Train n requests, each function once per seed."""
        found: list[Outcome] = []
        self.evaluate_each(requests, found.append)
        return found

    def evaluate_each(
        self, requests: Sequence[Request], on_outcome: Callable[[Outcome], None]
    ) -> None:
        """As `evaluate`, and hand each outcome over, in order, as soon as it is there."""
        left = list(requests)
        records: dict[tuple[str, int], TrainingRecord] = {}

        def hand_over(record: TrainingRecord) -> None:
            records[record.identity] = record
            while left and (left[0].key, left[0].seed) in records:
                request = left.pop(0)
                on_outcome(self._outcome(request, records[request.key, request.seed]))

        distinct = {(request.key, request.seed): request for request in requests}
        self._train(list(distinct.values()), hand_over)
        assert not left, "a training must have a record, failed ones too"

    def _outcome(self, request: Request, record: TrainingRecord) -> Outcome:
        if record.status != "ok":
            return Outcome(error=f"the training has the status {record.status!r}: {record.error}")
        values: dict[str, float] = {}
        for quantity in self._problem.quantities:
            if quantity.target is not None:
                values[quantity.name] = label_of(record, quantity.target.label)
            elif quantity.is_static:
                graph = self._problem.space.function(request.cell).graph
                values[quantity.name] = self._problem.static_value(quantity, graph)
        return Outcome(values)
