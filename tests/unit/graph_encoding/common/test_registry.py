"""Names that stand for one thing each."""

import pytest

from graph_encoding import UserError
from graph_encoding.common.registry import Registry

CELL_OF_A_NOTEBOOK = "class Mine:\n    pass\n"


def defined_by(source: str, module: str) -> type:
    scope = {"__name__": module}
    exec(source, scope)  # noqa: S102 -- the text above
    kind = scope["Mine"]
    assert isinstance(kind, type)
    return kind


def test_a_cell_of_a_notebook_can_run_again() -> None:
    kinds: Registry[type] = Registry("kind")
    first, second = (defined_by(CELL_OF_A_NOTEBOOK, "__main__") for _ in range(2))
    assert first is not second
    for kind in (first, second):
        assert kinds.register("mine", kind) is kind
        assert kinds.get("mine") is kind


def test_a_class_of_another_module_is_refused() -> None:
    kinds: Registry[type] = Registry("kind")
    first, other = (defined_by(CELL_OF_A_NOTEBOOK, module) for module in ("a", "b"))
    kinds.register("mine", first)
    with pytest.raises(UserError, match=r"kind names must be unique, but 'mine' .* another name"):
        kinds.register("mine", other)
    assert kinds.get("mine") is first


def test_equal_values_are_one_and_different_ones_refused() -> None:
    numbers: Registry[float] = Registry("number")
    numbers.register("one", 1)
    assert numbers.register("one", 1.0) == 1
    with pytest.raises(UserError, match="number names must be unique, but 'one'"):
        numbers.register("one", 2)
    assert list(numbers) == ["one"]
