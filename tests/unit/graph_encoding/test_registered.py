"""What is registered travels to processes that have not registered it."""

import pickle
from dataclasses import replace

import pytest

from graph_encoding import (
    MACROS,
    OPERATIONS,
    TIMIT_MICRO_MACRO,
    Operation,
    UserError,
    register_operation,
)
from graph_encoding.registered import Registered

MINE = replace(TIMIT_MICRO_MACRO, name="mine", filters=(8, 9, 10, 12))


def test_registered_values_can_be_registered_in_another_process() -> None:
    conv13 = register_operation(Operation("conv13", "conv", kernel=13))
    MACROS.register("mine", MINE)
    packed = pickle.dumps(Registered.current())
    names = list(OPERATIONS), list(MACROS)
    del OPERATIONS._entries["conv13"], MACROS._entries["mine"]
    for _ in range(2):
        pickle.loads(packed).register()  # noqa: S301 -- packed above
        assert (list(OPERATIONS), list(MACROS)) == names
    assert (OPERATIONS.get("conv13"), MACROS.get("mine")) == (conv13, MINE)


def test_another_thing_of_the_same_name_is_refused() -> None:
    MACROS.register("mine", MINE)
    there = Registered.current()
    MACROS._entries["mine"] = TIMIT_MICRO_MACRO
    with pytest.raises(UserError, match="macro network names must be unique, but 'mine'"):
        there.register()
