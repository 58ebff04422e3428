"""Searches are resumed to the same bytes, and end where they should."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.search import (
    SEARCHERS,
    Evaluation,
    History,
    SearchProblem,
    Step,
    TableEvaluator,
    run_search,
)
from surrogate.search.searchers import (
    EvolutionSearcher,
    GuidedSearcher,
    GuidedSettings,
    RandomSearcher,
)
from surrogate.testing.searcher_contract import FunctionEvaluator, labels_of, problem_of
from tests.unit.surrogate.search.helpers import SMALL, space_table

PROBLEM = SearchProblem(space=SMALL)
TABLE = space_table()


class _StopsAfter(TableEvaluator):
    """Is interrupted after some evaluations."""

    left = 13

    def evaluate(self, requests: object) -> object:  # type: ignore[override]
        for request in requests:  # type: ignore[attr-defined]
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            yield from super().evaluate([request])


@pytest.mark.parametrize("name", ["random", "evolution", "guided"])
def test_a_search_that_was_stopped_within_a_batch_is_resumed_to_the_same_bytes(
    name: str, tmp_path: Path
) -> None:
    def search(path: Path, kind: type[TableEvaluator]) -> tuple[Step, ...]:
        searcher = SEARCHERS.get(name)(PROBLEM, seed=3)
        evaluator = kind(TABLE, PROBLEM, seeds=(2,))
        with History(searcher.about(), path) as history:
            return run_search(searcher, evaluator, budget=24, batch=5, history=history)

    steps = search(tmp_path / "whole", TableEvaluator)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "stopped", _StopsAfter)
    assert len((tmp_path / "stopped").read_text().splitlines()) == 1 + _StopsAfter.left
    assert search(tmp_path / "stopped", TableEvaluator) == steps
    assert (tmp_path / "stopped").read_bytes() == (tmp_path / "whole").read_bytes()
    assert [step.trainings for step in steps] == [5, 10, 15, 20, 24]


class _BySize(RandomSearcher):
    """Chooses other functions if it is asked for more."""

    def _propose(self, count: int) -> Sequence[Cell]:
        rows = self.open_rows
        return [SMALL.functions.cells[row] for row in rows[(rows + count) % 3 == 0]]


def _continued(kind: type[_BySize] | type[GuidedSearcher], history: History, budget: int) -> int:
    """Trainings after a search with a budget."""
    searcher = kind(PROBLEM, seed=0, trainings_each=3)
    evaluator = TableEvaluator(TABLE, PROBLEM, seeds=(2, 1, 3))
    return run_search(searcher, evaluator, budget=budget, batch=10, history=history)[-1].trainings


@pytest.mark.parametrize("kind", [_BySize, GuidedSearcher])
def test_a_larger_budget_continues_after_a_batch_that_a_smaller_one_cut(
    kind: type[_BySize] | type[GuidedSearcher],
) -> None:
    history = History({})
    assert _continued(kind, history, 25) == 25
    first = history.evaluations
    assert [e.asked for e in first] == [10] * 20 + [5] * 5
    assert _continued(kind, history, 42) == 42
    assert history.evaluations[:25] == first
    # A smaller budget does not train what is left of a larger one's batch.
    stopped = History({})
    for evaluation in history.evaluations[:27]:
        stopped.append(evaluation)
    assert _continued(kind, stopped, 29) == len(stopped) == 29
    assert _continued(kind, stopped, 42) == 42
    assert stopped.evaluations == history.evaluations


def test_a_history_without_the_sizes_of_batches_is_resumed() -> None:
    whole = History({})
    _continued(_BySize, whole, 25)
    older = [Evaluation.from_json(replace(e, asked=0).to_json()) for e in whole.evaluations]
    assert "asked" not in older[0].to_json().replace("asked_at", "")
    resumed = History({})
    for evaluation in older[:23]:
        resumed.append(evaluation)
    assert _continued(_BySize, resumed, 25) == 25
    assert [e.key for e in resumed.evaluations] == [e.key for e in whole.evaluations]
    assert _continued(_BySize, resumed, 42) == 42


def test_guided_repeats_incumbents_with_the_next_seeds() -> None:
    settings = GuidedSettings(start=5, explore=10, repeat_each=4)
    searcher = GuidedSearcher(PROBLEM, seed=0, settings=settings, trainings_each=3)
    history = History({})
    evaluator = TableEvaluator(TABLE, PROBLEM, seeds=(2, 1, 3))
    run_search(searcher, evaluator, budget=40, batch=4, history=history)
    seeds: dict[str, list[int]] = {}
    for e in history.evaluations:
        seeds.setdefault(e.key, []).append(e.seed)
    assert all(found == [2, 1, 3][: len(found)] for found in seeds.values())
    repeats = sum(len(found) - 1 for found in seeds.values())
    assert 5 <= repeats <= 10
    assert any(len(known.costs) == 3 for known in searcher.known.values())


def test_repeats_of_the_public_form_read_the_same_seed_and_count() -> None:
    searcher = SEARCHERS.get("evolution-with-repeats")(PROBLEM, seed=0)
    evaluator = FunctionEvaluator(problem_of(), labels_of(SMALL))
    searcher.problem = problem_of()
    history = History({})
    run_search(searcher, evaluator, budget=100, batch=1, history=history)
    assert len(history) == 100 > len({e.key for e in history.evaluations})
    assert {e.seed for e in history.evaluations} == {1}


def test_a_search_ends_where_the_space_does() -> None:
    searcher = EvolutionSearcher(PROBLEM, seed=0)
    evaluator = TableEvaluator(TABLE, PROBLEM, seeds=(1,))
    steps = run_search(searcher, evaluator, budget=10_000, batch=50, history=History({}))
    assert steps[-1].trainings == len(SMALL.functions)
    (best,) = searcher.recommend()
    labels = {key: TABLE.labels_of(key, "val_per")[1] for key in SMALL.functions.keys}
    assert best.key == min(labels, key=lambda key: labels[key])


@pytest.mark.parametrize(("budget", "batch"), [(0, 1), (1, 0)])
def test_nothing_to_do_is_refused(budget: int, batch: int) -> None:
    searcher = EvolutionSearcher(PROBLEM, seed=0)
    evaluator = TableEvaluator(TABLE, PROBLEM, seeds=(1,))
    with pytest.raises(UserError, match="budget and a batch >= 1"):
        run_search(searcher, evaluator, budget=budget, batch=batch, history=History({}))
