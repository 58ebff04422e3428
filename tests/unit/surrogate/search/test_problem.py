"""Objectives, limits and what is refused."""

import math

import pytest

from graph_encoding.common.errors import UserError
from surrogate.data.targets import Identity, Target
from surrogate.search import Limit, Quantity, SearchProblem, SearchSpace

SETTING = "timit-micro/cpu-onnx-fp32-t1-b1-1s"
SCORE = Quantity.of_target(Target("score", "score", "rate", "maximise", Identity()))
PER, PARAMS, LATENCY = (Quantity.of(name) for name in ("val_per", "params", SETTING))


def test_costs_are_lower_where_values_are_better() -> None:
    problem = SearchProblem((PER, SCORE, LATENCY))
    assert problem.costs({"val_per": 0.5, "score": 3.0, SETTING: 2e-4}) == (0.5, -3.0, 2e-4)


@pytest.mark.parametrize("values", [{}, {"val_per": math.nan}, {"val_per": math.inf}])
def test_a_value_that_is_missing_or_not_finite_has_no_cost(values: dict[str, float]) -> None:
    with pytest.raises(UserError, match="finite value of 'val_per'"):
        SearchProblem().costs(values)


def test_violations_are_shares_of_the_limits_added_up() -> None:
    problem = SearchProblem((PER,), (Limit(PARAMS, 100.0), Limit(LATENCY, 2e-3)))
    assert problem.violation({"params": 150.0, SETTING: 3e-3}) == pytest.approx(1.0)
    assert problem.violation({"params": 100.0, SETTING: 1e-3}) == 0
    assert problem.violation({"val_per": 0.5}) == 0


def test_a_quantity_may_be_objective_and_limit_and_is_then_evaluated_once() -> None:
    problem = SearchProblem((PER, LATENCY), (Limit(LATENCY, 1e-3), Limit(PARAMS, 1e5)))
    assert [q.name for q in problem.quantities] == ["val_per", SETTING, "params"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Quantity.of("accuracy"), "val_per.*params, macs, or a latency"),
        (lambda: Quantity("val_per", "target"), "must have a target"),
        (lambda: Limit(PER, 0.5), "make it an objective"),
        (lambda: Limit(PARAMS, 0.0), "finite number > 0"),
        (lambda: Limit(PARAMS, "1e6"), "finite number > 0, but that on 'params' is '1e6'"),  # type: ignore[arg-type]
        (lambda: Limit(LATENCY, 1.0, level=1.0), r"in \(0, 1\)"),
        (lambda: SearchProblem(()), "at least one objective"),
        (lambda: SearchProblem((PER, PER)), "every objective must be given once"),
        (lambda: SearchProblem((PER,), (Limit(PARAMS, 1.0),) * 2), "every limit must be given"),
        (lambda: SearchProblem(macro="none"), "unknown macro"),
        (lambda: SearchSpace(nodes=0), "nodes >= 1"),
    ],
)
def test_what_is_no_problem_is_refused(make: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()  # type: ignore[operator]


def test_the_digest_depends_on_direction_limits_and_space() -> None:
    turned = Quantity.of_target(Target("val_per", "val_per", "rate", "maximise", Identity()))
    problems = [
        SearchProblem(),
        SearchProblem((turned,)),
        SearchProblem(limits=(Limit(PARAMS, 1e5),)),
        SearchProblem(limits=(Limit(PARAMS, 1e5, level=0.5),)),
        SearchProblem(space=SearchSpace(nodes=2)),
    ]
    assert len({problem.digest for problem in problems}) == len(problems)
    assert SearchProblem().digest == SearchProblem().digest
