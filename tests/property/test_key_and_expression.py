"""Equal functional keys if and only if equal expressions, over whole spaces.

Operations are random functions on whole numbers, so that sums are exact and two expressions have
one value by accident only. A point is computed node by node, by the paper's words, with each
numbering of its nodes' weights; the least output then stands for the expression, whichever node a
term is on.
"""

import hashlib
import itertools
import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache

import pytest

from graph_encoding import (
    NB_ASR_OPS,
    Cell,
    CellSpace,
    FunctionalForm,
    Operation,
    Semantics,
    functional_form,
    functional_key,
)
from graph_encoding.functional_identity import Sum, canonical_form

MODULUS = 2**61 - 1
X = 1234567

Key = Callable[[Cell, Semantics], str]


def drawn(*of: object) -> int:
    """A random number for each of its arguments."""
    digest = hashlib.blake2b(repr(of).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % MODULUS


def applied(op: Operation, weights: int, value: int) -> int:
    """What an operation makes of a value; `weights` says which of all that it may have it has."""
    match op.kind:
        case "zero":
            return 0
        case "max_pool" | "avg_pool":
            return drawn(op.name, value) if value else 0
        case "linear" | "conv":
            # A bias does not know what it belongs to: drawn by the name as well, it would tell
            # convolutions apart that nothing feeds.
            return drawn("bias", weights) + (drawn(op.name, weights, value) if value else 0)
        case _:
            return drawn(op.name, weights, value)


@cache
def expression(cell: Cell, semantics: Semantics) -> int:
    """A number that equal expressions share."""
    ops = semantics.effective_ops(cell)
    results = []
    for numbers in itertools.permutations(range(cell.nodes)):
        outputs = [X]
        for op, number, flags in zip(ops, numbers, cell.skips, strict=True):
            value = applied(op, number, outputs[-1])
            for flag, earlier in zip(flags, outputs, strict=True):
                value += earlier if flag == semantics.skip_flag else 0
            outputs.append(value % MODULUS)
        results.append(outputs[-1])
    return min(results)


def mistakes(space: CellSpace, semantics: Semantics, key: Key) -> tuple[int, int]:
    """How many expressions have several keys, and how many keys several expressions."""
    keys_of, expressions_of = defaultdict(set), defaultdict(set)
    for cell in space:
        found, computed = key(cell, semantics), expression(cell, semantics)
        keys_of[computed].add(found)
        expressions_of[found].add(computed)
    return (
        sum(len(keys) > 1 for keys in keys_of.values()),
        sum(len(expressions) > 1 for expressions in expressions_of.values()),
    )


@pytest.mark.parametrize("semantics", list(Semantics))
@pytest.mark.parametrize(
    "ops",
    [
        NB_ASR_OPS,
        ("linear", "conv5d3", "gated_linear", "max_pool3", "zero"),
        ("conv5g2", "avg_pool3", "max_pool3", "zero"),
    ],
    ids=["standard", "gated and pooling", "two poolings"],
)
def test_keys_are_equal_if_and_only_if_expressions_are(
    ops: tuple[str, ...], semantics: Semantics
) -> None:
    assert mistakes(CellSpace(3, ops), semantics, functional_key) == (0, 0)


def own_names(form: FunctionalForm, cell: Cell, semantics: Semantics) -> list[str]:
    """The operations that stand on the terms' nodes, fed or not."""
    return [semantics.effective_ops(cell)[node].name for node in form.nodes]


def kernel_keeping_key(cell: Cell, semantics: Semantics) -> str:
    """Tells convolutions apart that nothing feeds."""
    form = functional_form(cell, semantics)

    def counts(terms: Sum) -> list[int]:
        return [dict(terms).get(i, 0) for i in range(len(form.ops) + 1)]

    arguments = [counts(argument) for argument in form.arguments]
    names = own_names(form, cell, semantics)
    return canonical_form(names, arguments, counts(form.output)).key


def by_node(form: FunctionalForm, names: list[str]) -> str:
    """Terms numbered by their nodes: parallel branches that are swapped give another key."""
    order = sorted(range(len(names)), key=form.nodes.__getitem__)
    number = {0: 0, **{term + 1: place for place, term in enumerate(order, start=1)}}
    renumbered = [
        (names[term], sorted((number[s], m) for s, m in form.arguments[term])) for term in order
    ]
    return str((renumbered, sorted((number[s], m) for s, m in form.output)))


def order_keeping_key(cell: Cell, semantics: Semantics) -> str:
    form = functional_form(cell, semantics)
    return by_node(form, list(form.ops))


def keeping_key(cell: Cell, semantics: Semantics) -> str:
    form = functional_form(cell, semantics)
    return by_node(form, own_names(form, cell, semantics))


def uncounted_key(cell: Cell, semantics: Semantics) -> str:
    """Takes a value that is added twice for one that is added once."""
    return re.sub(r"\d+\*", "", functional_key(cell, semantics))


def pooling_blind_key(cell: Cell, semantics: Semantics) -> str:
    return functional_key(cell, semantics).replace("avg_pool3", "max_pool3")


@pytest.mark.parametrize(
    ("key", "semantics", "keys", "split"),
    [
        (kernel_keeping_key, Semantics.PAPER, 9155, 58),
        (kernel_keeping_key, Semantics.RELEASED, 2171, 36),
        (order_keeping_key, Semantics.PAPER, 8963, 40),
        (order_keeping_key, Semantics.RELEASED, 2111, 12),
        (keeping_key, Semantics.PAPER, 9195, 98),
        (keeping_key, Semantics.RELEASED, 2183, 48),
    ],
)
def test_finer_keys_are_caught(key: Key, semantics: Semantics, keys: int, split: int) -> None:
    """Counts of 9,195 and 2,183 functions, told elsewhere, are those of the last one."""
    assert len({key(cell, semantics) for cell in CellSpace()}) == keys
    assert mistakes(CellSpace(), semantics, key) == (split, 0)


@pytest.mark.parametrize("key", [uncounted_key, pooling_blind_key])
def test_coarser_keys_are_caught(key: Key) -> None:
    space = CellSpace(3, ("conv5", "max_pool3", "avg_pool3", "zero"))
    split, joined = mistakes(space, Semantics.PAPER, key)
    assert (split, joined > 0) == (0, True)
