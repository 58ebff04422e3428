"""What the tests share does not depend on the machine or on the order of the tests."""

import pytest
from hypothesis import settings

from graph_encoding import Operation, register_operation


def test_laws_have_no_deadline_and_the_same_cases_in_every_run() -> None:
    assert settings().deadline is None
    assert settings().derandomize


@pytest.mark.parametrize("kernel", [13, 15])
def test_an_operation_is_registered_in_its_test_only(kernel: int) -> None:
    """Two operations of one name: the second is refused if the first is still there."""
    register_operation(Operation("conv_of_test", "conv", kernel=kernel))
