"""Failed records are kept once the machine has shown that it works, and never where it is ill."""

from typing import NamedTuple

import pytest

from graph_encoding.common.errors import NasasrError
from train_benchmark.collecting.failure_guard import MAX_FAILED_IN_A_ROW, HeldRecords


class Made(NamedTuple):
    """A record, as far as it matters here."""

    status: str
    functional_key: str


class MachineIllError(NasasrError):
    """The error of these tests."""


def ill(count: int, last: Made) -> MachineIllError:
    return MachineIllError(f"{count} cells, the last {last.functional_key}")


def failed(number: int) -> Made:
    return Made("failed", f"cell {number}")


GOOD = Made("ok", "good")
FEW = [failed(i) for i in range(MAX_FAILED_IN_A_ROW - 1)]


@pytest.fixture
def held() -> HeldRecords[Made]:
    return HeldRecords(ill)


@pytest.mark.parametrize("status", ["ok", "diverged", "unsupported"])
def test_failures_wait_for_a_record_that_is_none(held: HeldRecords[Made], status: str) -> None:
    other = Made(status, "other")
    assert [list(held.take(record)) for record in FEW] == [[]] * len(FEW)
    assert list(held.take(other)) == [*FEW, other]
    assert list(held.take(GOOD)) == [GOOD]


def test_each_good_record_begins_the_count_again(held: HeldRecords[Made]) -> None:
    for _ in range(3):
        for record in FEW:
            held.take(record)
        assert list(held.take(GOOD)) == [*FEW, GOOD]


def test_too_many_cells_in_a_row_are_the_machines_and_leave_nothing(
    held: HeldRecords[Made],
) -> None:
    for record in FEW:
        assert not held.take(record)
    last = failed(99)
    with pytest.raises(MachineIllError, match=f"{MAX_FAILED_IN_A_ROW} cells, the last cell 99"):
        held.take(last)


def test_one_cell_with_many_seeds_is_one_cell(held: HeldRecords[Made]) -> None:
    seeds = [failed(1)] * (3 * MAX_FAILED_IN_A_ROW)
    for record in seeds:
        held.take(record)
    assert list(held.rest()) == seeds


def test_what_is_found_together_with_a_good_record_is_kept(held: HeldRecords[Made]) -> None:
    together = [*(failed(i) for i in range(2 * MAX_FAILED_IN_A_ROW)), GOOD]
    assert list(held.take(*together)) == together


def test_the_rest_is_kept_at_the_end(held: HeldRecords[Made]) -> None:
    for record in FEW:
        held.take(record)
    assert list(held.rest()) == FEW
    assert list(held.rest()) == []
