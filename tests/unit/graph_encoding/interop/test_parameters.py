"""Cells as named parameters: the round trip, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from graph_encoding.interop.parameters import CellParameters
from graph_encoding.space import CellSpace

STANDARD = CellParameters()
EXTENDED = CellParameters(CellSpace(nodes=5, ops=("conv3", "linear", "zero")))


def test_all_points_of_the_standard_space_survive_the_round_trip() -> None:
    encoded = [STANDARD.encode(cell) for cell in STANDARD.space]
    assert [STANDARD.decode(parameters) for parameters in encoded] == list(STANDARD.space)
    assert len({tuple(parameters.items()) for parameters in encoded}) == 13_824


@given(st.integers(min_value=0, max_value=EXTENDED.space.size - 1))
def test_points_of_an_extended_space_survive_the_round_trip(index: int) -> None:
    cell = EXTENDED.space.cell(index)
    parameters = EXTENDED.encode(cell.text)
    assert EXTENDED.decode(dict(reversed(parameters.items()))) == cell
    assert all(value in EXTENDED.choices[name] for name, value in parameters.items())


def test_places_survive_the_round_trip_and_have_the_order_of_the_names() -> None:
    places = [STANDARD.to_indices(cell) for cell in STANDARD.space]
    assert len(set(places)) == 13_824
    assert [STANDARD.from_indices(of_cell) for of_cell in places] == list(STANDARD.space)
    assert STANDARD.to_indices("10_501_1010") == (1, 5, 1, 0, 0, 1, 0, 1, 0)


@given(st.integers(min_value=0, max_value=EXTENDED.space.size - 1))
def test_places_of_an_extended_space_survive_the_round_trip(index: int) -> None:
    cell = EXTENDED.space.cell(index)
    places = EXTENDED.to_indices(cell.text)
    assert EXTENDED.from_indices(np.array(places, dtype=np.float64)) == cell
    assert all(
        place < len(values) for place, values in zip(places, EXTENDED.choices.values(), strict=True)
    )


@pytest.mark.parametrize(
    "places",
    [
        [0] * 8,
        [0] * 10,
        [6, *[0] * 8],
        [-1, *[0] * 8],
        [0.5] * 9,
        [float("nan")] * 9,
        [float("inf")] * 9,
        ["conv5", *[0] * 8],
        [None] * 9,
    ],
)
def test_places_that_are_no_cell_are_refused(places: list[object]) -> None:
    with pytest.raises(UserError, match="must have 9 whole numbers"):
        STANDARD.from_indices(places)


def test_names_of_a_known_cell() -> None:
    assert STANDARD.encode("10_501_1010") == {
        "op_1": "conv5",
        "op_2": "zero",
        "op_3": "conv5",
        "skip_1_0": 0,
        "skip_2_0": 0,
        "skip_2_1": 1,
        "skip_3_0": 0,
        "skip_3_1": 1,
        "skip_3_2": 0,
    }


def test_values_of_numpy_are_read_as_plain_ones() -> None:
    parameters = STANDARD.encode("10_100_1001")
    wrapped = {name: np.array([value])[0] for name, value in parameters.items()}
    assert STANDARD.decode(wrapped).text == "10_100_1001"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"op_1": "conv99"}, "'op_1' must be one of 'linear', .*'conv99'"),
        ({"op_1": 1}, "'op_1' must be one of"),
        ({"skip_2_1": 2}, "'skip_2_1' must be one of 0, 1, but got 2"),
        ({"skip_2_1": 1.0}, "'skip_2_1' must be one of 0, 1, but got 1.0"),
        ({"skip_2_1": "1"}, "'skip_2_1' must be one of 0, 1, but got '1'"),
        ({"skip_2_1": None}, "'skip_2_1' must be one of 0, 1, but got None"),
        ({"skip_4_0": 1}, "none are missing and 'skip_4_0' are unknown"),
    ],
)
def test_wrong_names_and_values_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        STANDARD.decode({**STANDARD.encode("10_100_1000"), **changed})


def test_a_missing_name_is_named() -> None:
    parameters = STANDARD.encode("10_100_1000")
    del parameters["skip_3_2"]
    with pytest.raises(UserError, match="skip_3_2 are missing and none are unknown"):
        STANDARD.decode(parameters)


@pytest.mark.parametrize("text", ["10_100", "10_100_conv3:000"])
def test_a_cell_of_another_space_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"must have 3 nodes .*; choose the space"):
        STANDARD.encode(text)
