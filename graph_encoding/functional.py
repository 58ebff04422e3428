"""Identity of cells: the function a cell computes, in a canonical form."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from graph_encoding.cell import Cell
from graph_encoding.errors import UserError
from graph_encoding.ops import OPERATIONS, undilated
from graph_encoding.semantics import Semantics

Sum = tuple[tuple[int, int], ...]
"""A sum of values: (value number, multiplicity >= 1), rising; value 0 is the cell's input."""


@dataclass(frozen=True, slots=True)
class FunctionalForm:
    """A cell as the expression it computes, before the closing layer normalisation.

    Every operation that is not zero is a term with weights of its own: `term_i = op_i(sum_i)`.
    Terms that do not reach the output are gone, zero operations vanish from the sums.

    Attributes:
        ops: (t,) names of the terms' operations, in canonical order; term i + 1 is `ops[i]`.
        arguments: (t,) sums that the operations are applied to; they name earlier terms only.
            An empty sum is the constant zero.
        output: the sum that is the cell's output.
        nodes: (t,) node of the cell (from 0) that each term stands for. Not part of the
            identity: equal functions may come from different nodes.
    """

    ops: tuple[str, ...]
    arguments: tuple[Sum, ...]
    output: Sum
    nodes: tuple[int, ...] = field(compare=False)

    @property
    def key(self) -> str:
        """The functional key: readable, and equal if and only if the functions are equal."""
        terms = [
            f"{i}={op}({_sum_text(argument)})"
            for i, (op, argument) in enumerate(zip(self.ops, self.arguments, strict=True), start=1)
        ]
        return ";".join([*terms, f"y={_sum_text(self.output)}"])

    @property
    def edges(self) -> tuple[tuple[int, int, int], ...]:
        """(source, target, multiplicity) of its graph, in rising order.

        Node 0 is the input, node i term i, the last node the output.
        """
        sums = (*self.arguments, self.output)
        return tuple(
            sorted(
                (source, target, multiplicity)
                for target, terms in enumerate(sums, start=1)
                for source, multiplicity in terms
            )
        )

    @property
    def is_dead(self) -> bool:
        """Whether the output does not depend on the input."""
        dependent = {0}
        for i, argument in enumerate(self.arguments, start=1):
            if any(source in dependent for source, _ in argument):
                dependent.add(i)
        return not any(source in dependent for source, _ in self.output)


def functional_form(cell: Cell, semantics: Semantics) -> FunctionalForm:
    """Bring a cell into the canonical form of the function it computes.

    Args:
        cell: any registered cell, of any number of nodes.
        semantics: how its flags and operations are read.

    Returns:
        Equal forms for two cells if and only if their networks compute the same function up to
        renaming of weights. Sums are multisets, so `conv5(x) + linear(x)` has one form whatever
        node each stands on: NAS-Bench-ASR's 13,824 points are 9,155 functions under PAPER and
        2,171 under RELEASED. (Keeping the order of nodes would give 9,195 and 2,183.)
    """
    wiring = _wiring_of(cell, semantics)
    ops = _effective_names(cell.ops, semantics)
    if not wiring.has_order:
        return _canonical(ops, wiring.arguments, wiring.output, wiring.alive)
    return FunctionalForm(
        tuple([ops[node] for node in wiring.order]),
        wiring.sums,
        wiring.closing,
        wiring.order,
    )


def functional_key(cell: Cell, semantics: Semantics) -> str:
    """The key of a cell's function: equal keys if and only if equal functions.

    >>> functional_key(Cell.parse("10_100_1000"), Semantics.PAPER)
    '1=conv5(x);2=conv5(1);3=conv5(2);y=3'
    >>> functional_key(Cell.parse("51_500_5000"), Semantics.PAPER)
    'y=0'
    """
    wiring = _wiring_of(cell, semantics)
    ops = _effective_names(cell.ops, semantics)
    if not wiring.has_order:
        return _canonical(ops, wiring.arguments, wiring.output, wiring.alive).key
    return wiring.key_template % tuple([ops[node] for node in wiring.order])


def is_dead(cell: Cell, semantics: Semantics) -> bool:
    """Whether a cell's output does not depend on its input."""
    return functional_form(cell, semantics).is_dead


def canonical_form(
    ops: Sequence[str], arguments: Sequence[Sequence[int]], output: Sequence[int]
) -> FunctionalForm:
    """Bring any expression of operations and sums into its canonical form.

    For other search spaces; cells go through `functional_form`.

    Args:
        ops: (n,) label of each term's operation.
        arguments: (n,) for each term how often it adds up the input and each term: n + 1 counts,
            the input's first. Terms may name later terms.
        output: the n + 1 counts of the output.

    Raises:
        UserError: if a count is missing or negative, or terms that reach the output depend on
            each other in a circle.

    >>> canonical_form(["b", "a"], [[1, 0, 0], [1, 0, 0]], [0, 1, 1]).key
    '1=a(x);2=b(x);y=1+2'
    """
    width = len(ops) + 1
    for counts in (*arguments, output):
        if len(counts) != width or min(counts) < 0:
            raise UserError(
                f"every sum over {len(ops)} terms must have {width} counts >= 0, but got {counts!r}"
            )
    rows = [list(counts) for counts in arguments]
    return _canonical(ops, rows, list(output), _reaching(rows, list(output)))


@dataclass(frozen=True, slots=True)
class _Wiring:
    """All of a functional form that does not depend on the names of the operations.

    Attributes:
        arguments: what each node's operation is applied to, as counts over (input, nodes).
        output: the output, as such counts.
        alive: numbers (from 1) of the nodes that reach the output.
        has_order: whether each living term depends on the one before. Then the canonical order is
            the only one there is, and the rest is known whatever the operations.
        order: nodes (from 0) of the terms.
        sums: arguments of the terms.
        closing: the output as a sum of terms.
        key_template: the key with a place for each term's operation.
    """

    arguments: list[list[int]]
    output: list[int]
    alive: set[int]
    has_order: bool
    order: tuple[int, ...]
    sums: tuple[Sum, ...]
    closing: Sum
    key_template: str


def _wiring_of(cell: Cell, semantics: Semantics) -> _Wiring:
    zeros = tuple([op == "zero" for op in cell.ops])
    return _wiring(cell.skips, zeros, semantics.skip_flag)


@lru_cache(maxsize=4096)
def _wiring(skips: tuple[tuple[int, ...], ...], zeros: tuple[bool, ...], skip: int) -> _Wiring:
    arguments, output = _expand(skips, zeros, skip)
    alive = _reaching(arguments, output)
    order = sorted(alive)
    has_order = all(arguments[later - 1][earlier] for earlier, later in itertools.pairwise(order))
    number_of = {0: 0, **{node: number for number, node in enumerate(order, start=1)}}
    sums = tuple(_renumber(arguments[node - 1], number_of) for node in order)
    closing = _renumber(output, number_of)
    places = FunctionalForm(("%s",) * len(order), sums, closing, ())
    return _Wiring(
        arguments,
        output,
        alive,
        has_order,
        tuple(node - 1 for node in order),
        sums,
        closing,
        places.key,
    )


@lru_cache(maxsize=4096)
def _effective_names(ops: tuple[str, ...], semantics: Semantics) -> tuple[str, ...]:
    if semantics is Semantics.PAPER:
        return ops
    return tuple(undilated(OPERATIONS.get(op)).name for op in ops)


def _expand(
    skips: tuple[tuple[int, ...], ...], zeros: tuple[bool, ...], skip: int
) -> tuple[list[list[int]], list[int]]:
    """Write each node's argument and the output as counts over (input, node 1, .., node n)."""
    n = len(zeros)
    values = [[1] + [0] * n]
    arguments: list[list[int]] = []
    for k in range(n):
        arguments.append(values[k])
        value = [0] * (n + 1)
        if not zeros[k]:
            value[k + 1] = 1
        for flag, earlier in zip(skips[k], values, strict=True):
            if flag == skip:
                value = [a + b for a, b in zip(value, earlier, strict=True)]
        values.append(value)
    return arguments, values[n]


def _reaching(arguments: list[list[int]], output: list[int]) -> set[int]:
    """Numbers of the nodes (from 1) whose value reaches the output."""
    alive: set[int] = set()
    waiting = [output]
    while waiting:
        counts = waiting.pop()
        for node in range(1, len(counts)):
            if counts[node] and node not in alive:
                alive.add(node)
                waiting.append(arguments[node - 1])
    return alive


def _canonical(
    ops: Sequence[str], arguments: list[list[int]], output: list[int], alive: set[int]
) -> FunctionalForm:
    """Number the living terms so that the result does not depend on their nodes' order.

    Terms are numbered one after another, each time the one with the least (operation,
    argument) among those whose argument is numbered already. Where several are equal in that,
    each is tried, and the least form wins: exact, and fast because ties are rare.
    """
    best: FunctionalForm | None = None
    best_rank: tuple[object, ...] = ()

    def extend(number_of: dict[int, int], terms: list[tuple[str, Sum]]) -> None:
        nonlocal best, best_rank
        ready = [
            ((ops[node - 1], _renumber(arguments[node - 1], number_of)), node)
            for node in alive
            if node not in number_of
            and all(i in number_of for i, count in enumerate(arguments[node - 1]) if count)
        ]
        if not ready:
            if len(number_of) <= len(alive):
                raise UserError(
                    "terms must not depend on each other in a circle, but these do: "
                    f"{sorted(alive - number_of.keys())} (counted from 1)"
                )
            closing = _renumber(output, number_of)
            rank = (tuple(terms), closing)
            if best is None or rank < best_rank:
                best_rank = rank
                nodes = tuple(node - 1 for node in number_of if node)
                best = FunctionalForm(
                    tuple(op for op, _ in terms), tuple(arg for _, arg in terms), closing, nodes
                )
            return
        least = min(term for term, _ in ready)
        for term, node in ready:
            if term == least:
                extend({**number_of, node: len(number_of)}, [*terms, term])

    extend({0: 0}, [])
    assert best is not None
    return best


def _renumber(counts: list[int], number_of: dict[int, int]) -> Sum:
    return tuple(sorted((number_of[i], count) for i, count in enumerate(counts) if count))


def _sum_text(terms: Sum) -> str:
    names = ((f"{count}*" if count > 1 else "") + ("x" if i == 0 else str(i)) for i, count in terms)
    return "+".join(names) or "0"
