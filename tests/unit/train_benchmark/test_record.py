"""Records: what they refuse, and their one line of JSON."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.record import TrainingRecord

RECORD = synthetic_table(1, seeds=(1,)).records[0]
FAILED = replace(RECORD, status="failed", error="killed", test_per=math.nan, val_per_curve=())
PERS = st.floats(0, 3)


@given(st.lists(PERS, min_size=1, max_size=5), PERS, st.integers(-(2**40), 2**40))
def test_round_trip_through_json(curve: list[float], test_per: float, seed: int) -> None:
    record = replace(RECORD, val_per_curve=tuple(curve), test_per=test_per, seed=seed)
    assert TrainingRecord.from_json(record.to_json()) == record


def test_failed_record_survives_the_round_trip() -> None:
    line = FAILED.to_json()
    assert json.loads(line)["test_per"] is None
    again = TrainingRecord.from_json(line)
    assert math.isnan(again.test_per)
    assert again.to_json() == line


def test_loss_that_was_not_finite_is_written_as_null() -> None:
    diverged = replace(FAILED, status="diverged", train_loss_curve=(3.0, math.inf))
    line = diverged.to_json()
    assert json.loads(line)["train_loss_curve"] == [3.0, None]
    assert math.isnan(TrainingRecord.from_json(line).train_loss_curve[1])


def test_identity_is_function_and_seed() -> None:
    assert RECORD.identity == (RECORD.functional_key, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "fine"}, "status must be one of"),
        ({"error": "but why"}, "if and only if"),
        ({"status": "failed"}, "if and only if"),
        ({"val_per_curve": ()}, "finite error rates"),
        ({"val_per_curve": (0.5, math.nan)}, "finite error rates"),
        ({"test_per": math.nan}, "finite error rates"),
        ({"test_per": -0.1}, "finite error rates"),
    ],
)
def test_inconsistent_record_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(RECORD, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["", "{", "[1]", '{"seed": 1}'])
def test_a_line_that_is_not_a_record_is_refused(line: str) -> None:
    with pytest.raises(UserError, match="a record must"):
        TrainingRecord.from_json(line)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("val_per_curve", 5),
        ("val_per_curve", "0.5"),
        ("val_per_curve", ["0.5"]),
        ("train_loss_curve", {"1": 0.5}),
        ("test_per", "0.5"),
        ("test_per", [0.5]),
        ("seed", "1"),
        ("seed", 1.0),
        ("best_epoch", True),
        ("cell", 10),
        ("status", ["ok"]),
        ("train_seconds", None),
    ],
)
def test_values_of_other_types_are_refused_by_name(field: str, value: object) -> None:
    row = {**json.loads(RECORD.to_json()), field: value}
    with pytest.raises(
        UserError, match=f"a record must be one line of JSON .*key '{field}.*but got"
    ):
        TrainingRecord.from_json(json.dumps(row))


def test_unknown_and_missing_keys_are_named() -> None:
    row = json.loads(RECORD.to_json())
    with pytest.raises(UserError, match="unknown key 'sed'; known: functional_key, cell"):
        TrainingRecord.from_json(json.dumps({**row, "sed": 1}))
    del row["seed"]
    with pytest.raises(UserError, match="key 'seed' is required"):
        TrainingRecord.from_json(json.dumps(row))


def test_a_number_above_float64_is_refused() -> None:
    row = {**json.loads(RECORD.to_json()), "test_per": 10**400}
    with pytest.raises(UserError, match=r"finite error rates >= 0, but got .*test_per=inf"):
        TrainingRecord.from_json(json.dumps(row))


def test_integers_are_read_where_numbers_stand() -> None:
    row = {**json.loads(RECORD.to_json()), "test_per": 1, "val_per_curve": [1, 0]}
    record = TrainingRecord.from_json(json.dumps(row))
    assert (record.test_per, record.val_per_curve) == (1.0, (1.0, 0.0))
    assert '"val_per_curve":[1.0,0.0]' in record.to_json()
