"""One search: ask, evaluate, tell, until the budget is spent or the space is exhausted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.search.evaluator import Evaluator, Outcome, Request
from surrogate.search.history import Evaluation, History, Status
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import Recommendation, Searcher


@dataclass(frozen=True)
class Step:
    """Where a search stands after a batch.

    Attributes:
        trainings: evaluations so far, failed ones too.
        recommended: what the searcher recommends now; None before the first success.
    """

    trainings: int
    recommended: Recommendation | None


OnStep = Callable[[Step], None]


def run_search(
    searcher: Searcher,
    evaluator: Evaluator,
    *,
    budget: int,
    batch: int,
    history: History,
    on_step: OnStep = lambda _step: None,
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
    done = 0
    used: dict[str, int] = {}
    while done < budget:
        cells = searcher.ask(min(batch, budget - done))
        if not cells:
            break
        requests = [_request(cell, searcher, evaluator, used) for cell in cells]
        evaluations = _evaluated(requests, done, searcher.problem, evaluator, history)
        searcher.tell(evaluations)
        done += len(evaluations)
        best = searcher.recommend()
        steps.append(Step(done, best[0] if best else None))
        on_step(steps[-1])
    return tuple(steps)


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
) -> list[Evaluation]:
    """The evaluations of a batch: those that are recorded, then the rest."""
    found: list[Evaluation] = []
    for place, request in enumerate(requests, start=asked_at):
        recorded = history.recorded(place, request.key, request.seed)
        if recorded is None:
            break
        found.append(recorded)
    rest = requests[len(found) :]
    outcomes = evaluator.evaluate(rest) if rest else []
    for request, outcome in zip(rest, outcomes, strict=True):
        evaluation = evaluation_of(request, outcome, problem, evaluator.source, asked_at)
        history.append(evaluation)
        found.append(evaluation)
    return found


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
