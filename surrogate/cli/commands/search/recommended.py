"""What a search recommends, with forecasts, probabilities of the limits and drawings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from graph_encoding.cell import Cell
from graph_encoding.drawing.draw import draw_text
from surrogate.cli.output import Row
from surrogate.cli.score_tables import write_in_pieces

_SHOWN = 10
"""Rows of a front that are printed."""

if TYPE_CHECKING:
    from surrogate.forecasting.forecast import Forecaster
    from surrogate.search import Evaluation, SearchProblem
    from surrogate.search.searcher import Recommendation, Searcher


def described(
    searcher: "Searcher", forecaster: "Forecaster", level: float, count: int
) -> list[dict[str, Any]]:
    """The recommended cells as JSON has them, the best first.

    Args:
        searcher: which has searched.
        forecaster: for the forecasts of the cells.
        level: of the intervals.
        count: cells of one objective; of several, the whole front is given.
    """
    from surrogate.search.run import MOST_OF_FRONT

    several = len(searcher.problem.objectives) > 1
    found = searcher.recommend(MOST_OF_FRONT if several else count)
    targets = [q.name for q in searcher.problem.objectives if q.name in forecaster.targets]
    forecasts = forecaster.forecast(
        [best.cell for best in found], level, targets=targets, curve=False, latency=False
    )
    return [
        {
            **_one(searcher, best),
            "forecasts": {
                of.target: {"mean": of.mean, "low": of.low, "high": of.high, "level": level}
                for of in forecast.targets
            },
        }
        for best, forecast in zip(found, forecasts, strict=True)
    ]


def counts(evaluations: "Sequence[Evaluation]") -> dict[str, Any]:
    """How many trainings a search took, how many of them failed, and why the first did."""
    errors = [evaluation.error for evaluation in evaluations if evaluation.status == "failed"]
    return {
        "trainings": len(evaluations),
        "failed": len(errors),
        "first_error": errors[0] if errors else "",
    }


def _one(searcher: "Searcher", best: "Recommendation") -> dict[str, Any]:
    problem = searcher.problem
    expected = {
        quantity.name: quantity.to_cost(cost)
        for quantity, cost in zip(problem.objectives, best.costs, strict=True)
    }
    return {
        "cell": best.cell.text,
        "functional_key": best.key,
        "expected": expected,
        "trainings": best.trainings,
        "holds_limits": best.is_feasible,
        "limit_probabilities": searcher.limit_probabilities(best.cell),
    }


def write_described(result: dict[str, Any], problem: "SearchProblem") -> None:
    """Write the recommended cells as a table, those of a long front in part; draw the best."""
    found = result["recommended"]
    if not found:
        typer.echo(
            f"no training succeeded: nothing to recommend{_failures(result)}"
            if result["trainings"]
            else "no function holds all limits with the probability of its level: raise a limit or "
            "lower --level"
        )
        return
    shown = _spread(found, problem)
    write_in_pieces([_row(one, problem) for one in shown], ["cell"])
    if len(shown) < len(found):
        typer.echo(f"{len(shown)} of {len(found)} cells of the front; result.json has all")
    for name, limit in _limits(found[0]).items():
        typer.echo(f"{name}: probability that the limit of {limit} holds")
    typer.echo(f"\n{draw_text(Cell.parse(found[0]['cell']), problem.space.semantics)}")
    if not found[0]["holds_limits"]:
        typer.echo("no evaluated function holds all limits: this one is least beyond them")
    typer.echo(
        f"\n{result['trainings']} trainings from {result['source']}. `expected` is the searcher's "
        "estimate, `forecast` the\nartifact's with its interval; its table may have the cell."
        f"{_failures(result)}"
    )


def _failures(result: dict[str, Any]) -> str:
    """A line about trainings that failed; empty if none did."""
    if not result["failed"]:
        return ""
    return (
        f"\n{result['failed']} of {result['trainings']} trainings failed, the first because: "
        f"{result['first_error']}"
    )


def _spread(found: list[dict[str, Any]], problem: "SearchProblem") -> list[dict[str, Any]]:
    """Some cells of a front, in order: the best by each objective, and evenly spaced ones."""
    if len(found) <= _SHOWN:
        return found
    ends = {
        min(range(len(found)), key=lambda i: q.to_cost(found[i]["expected"][q.name]))
        for q in problem.objectives
    }
    even = {round(step * (len(found) - 1) / (_SHOWN - 1)) for step in range(_SHOWN)}
    return [found[i] for i in sorted(ends | even)]


def _limits(one: dict[str, Any]) -> dict[str, str]:
    """Heading of the probability of each limit -> its quantity."""
    names = [*one["limit_probabilities"]]
    if len(names) == 1:
        return {"P(limit)": names[0]}
    return {f"P(limit {number})": name for number, name in enumerate(names, start=1)}


def _row(one: dict[str, Any], problem: "SearchProblem") -> Row:
    row: dict[str, Any] = {"cell": one["cell"], "trainings": one["trainings"]}
    for quantity in problem.objectives:
        row[f"expected {quantity.name}"] = f"{one['expected'][quantity.name]:.4g}"
        if quantity.name in one["forecasts"]:
            of = one["forecasts"][quantity.name]
            row[f"forecast {quantity.name}"] = (
                f"{of['mean']:.4g} ({of['low']:.4g} to {of['high']:.4g})"
            )
    for heading, name in _limits(one).items():
        row[heading] = f"{one['limit_probabilities'][name]:.2f}"
    return row
