"""One search: ask, evaluate, tell, until the budget is spent or the space is exhausted."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.search.evaluator import Evaluator, Outcome, Request, SlowEvaluator, TableEvaluator
from surrogate.search.history import Evaluation, History, Status
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import Recommendation, Searcher
from surrogate.search.stopping import StoppingRule

_MOST_OF_FRONT = 1000


@dataclass(frozen=True)
class Step:
    """Where a search stands after a batch.

    Attributes:
        trainings: evaluations so far, failed and stopped ones too.
        front: all that the searcher recommends now, the best first: of one objective one function
            at most.
    """

    trainings: int
    front: tuple[Recommendation, ...]

    @property
    def recommended(self) -> Recommendation | None:
        """The first of the front; None before the first success."""
        return self.front[0] if self.front else None


OnStep = Callable[[Step], None]


def run_search(
    searcher: Searcher,
    evaluator: Evaluator,
    *,
    budget: int,
    batch: int,
    history: History,
    on_step: OnStep = lambda _step: None,
    stopping: StoppingRule | None = None,
) -> tuple[Step, ...]:
    """Run a search from its beginning; what the history has already is not evaluated again.

    A searcher depends on its seed and the evaluations alone, so a stopped search is resumed by
    replaying its recorded evaluations.

    Args:
        searcher: a new one.
        evaluator: where values come from.
        budget: trainings in all, >= 1; failed ones count.
        batch: cells that are asked for at a time, >= 1.
        history: entered; gets each evaluation as soon as it is there.
        on_step: called after each batch.
        stopping: stops trainings early; the budget is then that of the epochs of so many whole
            trainings. Only an evaluator with `curves` can do that.

    Returns:
        One step for each batch.

    Raises:
        UserError: if budget or batch is less than 1, or the history is of another search.
    """
    if budget < 1 or batch < 1:
        raise UserError(
            f"a search must have a budget and a batch >= 1, but got {budget} and {batch}"
        )
    steps: list[Step] = []
    done, left = 0, Fraction(budget)
    used: dict[str, int] = {}
    several = len(searcher.problem.objectives) > 1
    while left > 0:
        cells = searcher.ask(min(batch, math.ceil(left)))
        if not cells:
            break
        requests = [_request(cell, searcher, evaluator, used) for cell in cells]
        ends = _ends(requests, evaluator, searcher.problem, stopping)
        evaluations = _evaluated(requests, done, searcher.problem, evaluator, history, ends)
        searcher.tell(evaluations)
        done += len(evaluations)
        left -= sum(end.share for end in ends)
        front = searcher.recommend(_MOST_OF_FRONT if several else 1)
        steps.append(Step(done, tuple(front)))
        on_step(steps[-1])
    return tuple(steps)


class _End(NamedTuple):
    """How a training ends.

    Attributes:
        share: share of its epochs that it takes.
        epochs: their number; 0 if unknown.
        forecast: expected cost, for one that was stopped early; else None.
    """

    share: Fraction = Fraction(1)
    epochs: int = 0
    forecast: float | None = None


def _ends(
    requests: Sequence[Request],
    evaluator: Evaluator,
    problem: SearchProblem,
    stopping: StoppingRule | None,
) -> list[_End]:
    """Where the trainings of a batch end."""
    if stopping is None:
        return [_End() for _ in requests]
    if not isinstance(evaluator, TableEvaluator):
        raise UserError(
            f"early stopping needs learning curves of a table, but values are from "
            f"{evaluator.source}"
        )
    curves = evaluator.curves(requests)
    costs = [problem.costs(outcome.values)[0] for outcome in evaluator.evaluate(requests)]
    return [
        _End(Fraction(decision.epochs, len(curve)), decision.epochs, decision.forecast)
        for curve, decision in zip(curves, stopping.decide(curves, costs), strict=True)
    ]


def _request(cell: Cell, searcher: Searcher, evaluator: Evaluator, used: dict[str, int]) -> Request:
    """A function's first request has the first seed, each further one the next.

    Where none is left the first one is taken again: public forms of some algorithms repeat
    functions, and a table answers them as before.
    """
    key = searcher.space.function(cell).key
    number = used.get(key, 0)
    used[key] = number + 1
    seeds = evaluator.seeds[: searcher.trainings_each]
    return Request(cell, key, seeds[number] if number < len(seeds) else seeds[0])


def _evaluated(
    requests: Sequence[Request],
    asked_at: int,
    problem: SearchProblem,
    evaluator: Evaluator,
    history: History,
    ends: Sequence[_End],
) -> list[Evaluation]:
    """The evaluations of a batch: those that are recorded, then the rest."""
    found: list[Evaluation] = []
    for place, request in enumerate(requests, start=asked_at):
        recorded = history.recorded(place, request.key, request.seed)
        if recorded is None:
            break
        found.append(recorded)
    rest = requests[len(found) :]
    places = iter(zip(rest, ends[len(found) :], strict=True))

    def keep(outcome: Outcome) -> None:
        request, end = next(places)
        evaluation = evaluation_of(request, outcome, problem, evaluator.source, asked_at)
        evaluation = _stopped(evaluation, end, problem)
        history.append(evaluation)
        found.append(evaluation)

    if rest and isinstance(evaluator, SlowEvaluator):
        evaluator.evaluate_each(rest, keep)
    elif rest:
        for outcome in evaluator.evaluate(rest):
            keep(outcome)
    assert len(found) == len(requests), "an evaluator must give one outcome for each request"
    return found


def _stopped(evaluation: Evaluation, end: _End, problem: SearchProblem) -> Evaluation:
    """The evaluation of a training that may have been stopped."""
    if end.forecast is None or evaluation.status != "ok":
        return replace(evaluation, epochs=end.epochs)
    first = problem.objectives[0]
    return replace(
        evaluation,
        status="stopped",
        epochs=end.epochs,
        values={**evaluation.values, first.name: first.to_cost(end.forecast)},
        costs=(end.forecast, *evaluation.costs[1:]),
    )


def evaluation_of(
    request: Request, outcome: Outcome, problem: SearchProblem, source: str, asked_at: int
) -> Evaluation:
    """The record of an outcome, for the searcher and the history."""
    status: Status = "failed" if outcome.error else "ok"
    if problem.space.function(request.cell).is_dead:
        status = "dead"
    values = outcome.values if status == "ok" else {}
    return Evaluation(
        key=request.key,
        cell=request.cell.text,
        seed=request.seed,
        values=values,
        costs=problem.costs(values) if status == "ok" else (),
        status=status,
        source=source,
        asked_at=asked_at,
        error=outcome.error,
    )
