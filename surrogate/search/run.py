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

MOST_OF_FRONT = 1000
"""Functions of a front that are recommended at most."""


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
        UserError: if budget or batch is less than 1, the history is of another search, or
            trainings cannot be stopped early, see `table_with_curves`.
    """
    if budget < 1 or batch < 1:
        raise UserError(
            f"a search must have a budget and a batch >= 1, but got {budget} and {batch}"
        )
    problem = searcher.problem
    table = None if stopping is None else table_with_curves(evaluator, problem)
    steps: list[Step] = []
    done, left = 0, Fraction(budget)
    used: dict[str, int] = {}
    recommended = MOST_OF_FRONT if len(problem.objectives) > 1 else 1
    while left > 0:
        most = math.ceil(left)
        # A smaller budget cut the last batch: a searcher may choose others if asked for more.
        asked = history.asked(done) or min(batch, most)
        cells = searcher.ask(asked)[:most]
        if not cells:
            break
        requests = [_request(cell, searcher, evaluator, used) for cell in cells]
        ends = [_End() for _ in requests]
        if stopping is not None and table is not None:
            ends = _ends(requests, table, problem, stopping)
        evaluations = _evaluated(requests, ends, _Place(done, asked), problem, evaluator, history)
        searcher.tell(evaluations)
        done += len(evaluations)
        left -= sum(end.share for end in ends)
        steps.append(Step(done, tuple(searcher.recommend(recommended))))
        on_step(steps[-1])
    return tuple(steps)


def table_with_curves(evaluator: Evaluator, problem: SearchProblem) -> TableEvaluator:
    """The evaluator of a search that stops trainings early.

    Raises:
        UserError: if values are not from a table, the first objective is not on its learning
            curves, or another objective is a target, whose label a stopped training does not have.
    """
    if not isinstance(evaluator, TableEvaluator):
        raise UserError(
            f"early stopping needs learning curves of a table, but values are from "
            f"{evaluator.source}; leave early stopping out, or search a table"
        )
    first, *others = problem.objectives
    if first.target is None or first.target.label == "test_per":
        raise UserError(
            "early stopping needs a first objective that is on the learning curves, such as "
            f"val_per, but got {first.name!r}; name val_per first, or leave early stopping out"
        )
    targets = [quantity.name for quantity in others if quantity.kind == "target"]
    if targets:
        raise UserError(
            f"early stopping forecasts the first objective, {first.name!r}, but {targets[0]!r} is "
            "known at the end of a training only; leave one of the two, or early stopping, out"
        )
    return evaluator


class _Place(NamedTuple):
    """Place of a batch in a search.

    Attributes:
        asked_at: trainings that had been asked for before it.
        asked: cells that the searcher was asked for.
    """

    asked_at: int
    asked: int


class _End(NamedTuple):
    """How a training ends.

    Attributes:
        outcome: what it gives, where that is looked up already; else None.
        share: share of its epochs that it takes.
        epochs: their number; 0 if unknown.
        forecast: expected cost, for one that was stopped early; else None.
    """

    outcome: Outcome | None = None
    share: Fraction = Fraction(1)
    epochs: int = 0
    forecast: float | None = None


def _ends(
    requests: Sequence[Request],
    table: TableEvaluator,
    problem: SearchProblem,
    stopping: StoppingRule,
) -> list[_End]:
    """Where the trainings of a batch end; failed ones have no curve and count as whole."""
    ends = [_End(outcome) for outcome in table.evaluate(requests)]
    outcomes = {
        i: end.outcome for i, end in enumerate(ends) if end.outcome and not end.outcome.error
    }
    curves = table.curves([requests[i] for i in outcomes])
    costs = [problem.costs(outcome.values)[0] for outcome in outcomes.values()]
    decisions = stopping.decide(curves, costs)
    for i, curve, decision in zip(outcomes, curves, decisions, strict=True):
        share = Fraction(decision.epochs, len(curve))
        ends[i] = _End(outcomes[i], share, decision.epochs, decision.forecast)
    return ends


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
    ends: Sequence[_End],
    place: _Place,
    problem: SearchProblem,
    evaluator: Evaluator,
    history: History,
) -> list[Evaluation]:
    """The evaluations of a batch: those that are recorded, then the rest."""
    found: list[Evaluation] = []
    for number, request in enumerate(requests, start=place.asked_at):
        recorded = history.recorded(number, request.key, request.seed)
        if recorded is None:
            break
        found.append(recorded)
    rest = requests[len(found) :]
    left = iter(zip(rest, ends[len(found) :], strict=True))
    looked_up = [end.outcome for end in ends[len(found) :] if end.outcome]

    def keep(outcome: Outcome) -> None:
        request, end = next(left)
        evaluation = evaluation_of(request, outcome, problem, evaluator.source, place.asked_at)
        evaluation = replace(_stopped(evaluation, end, problem), asked=place.asked)
        history.append(evaluation)
        found.append(evaluation)

    if rest and isinstance(evaluator, SlowEvaluator):
        evaluator.evaluate_each(rest, keep)
    elif rest:
        for outcome in looked_up or evaluator.evaluate(rest):
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
