"""Ax's client on cells, with outcome constraints: plain parameters are all that it needs."""

import pytest

from surrogate.plugins.cell_problem import CellProblem, NoValueError
from tests.unit.surrogate.plugins.shipped import DEAD, shipped

pytest.importorskip("ax", reason="Ax is not installed: `make plugins` tests it")
# Ax's own use of what its requirements deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig


def client_of(cells: CellProblem, objective: str) -> Client:
    client = Client(random_seed=0)
    client.configure_experiment(
        parameters=[
            ChoiceParameterConfig(
                name=name,
                values=list(of),
                parameter_type="str" if name.startswith("op") else "int",
                is_ordered=False,
            )
            for name, of in cells.parameters.choices.items()
        ]
    )
    client.configure_optimization(
        objective,
        outcome_constraints=[f"{limit.quantity.name} <= {limit.most}" for limit in cells.limits],
    )
    # Drawing at random: fits of Ax's own models are no matter of this test.
    client.configure_generation_strategy(method="random_search")
    return client


@pytest.mark.parametrize("objective", ["-val_per", "-val_per, -macs"])
def test_thirty_trials_have_the_values_of_single_queries(objective: str) -> None:
    names = [name.strip(" -") for name in objective.split(",")]
    cells = CellProblem(shipped(), names, limits={"params": 225_000})
    client = client_of(cells, objective)
    told = {}
    while len(told) < 30:
        for index, parameters in client.get_next_trials(max_trials=5).items():
            cell = cells.parameters.decode(parameters)
            try:
                told[index] = cells.values(cell)
            except NoValueError as e:
                told[index] = {}
                client.mark_trial_failed(index, failed_reason=str(e))
            else:
                assert told[index]["val_per"] == shipped().query(cell).value
                client.complete_trial(index, raw_data=told[index])
    frame = client.summarize()
    for index, values in told.items():
        (row,) = frame[frame["trial_index"] == index].to_dict("records")
        assert row["trial_status"] == ("COMPLETED" if values else "FAILED")
        if values:
            assert row["val_per"] == values["val_per"]
    if len(names) == 1:
        _, _, best, _ = client.get_best_parameterization(use_model_predictions=False)
        allowed = [v for v in told.values() if v and v["params"] <= 225_000]
        assert told[best]["val_per"] == min(values["val_per"] for values in allowed)


def test_known_trials_are_attached_and_dead_ones_fail() -> None:
    cells = CellProblem(shipped())
    client = client_of(cells, "-val_per")
    index = client.attach_trial(parameters=cells.parameters.encode("10_100_1000"))
    client.complete_trial(
        index,
        raw_data=cells.values(cells.parameters.decode(cells.parameters.encode("10_100_1000"))),
    )
    dead = client.attach_trial(parameters=cells.parameters.encode(DEAD))
    client.mark_trial_failed(dead)
    shown = client.summarize().set_index("trial_index")["trial_status"].to_dict()
    assert shown == {index: "COMPLETED", dead: "FAILED"}
