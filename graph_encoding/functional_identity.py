"""Identity of cells: the function that a cell computes, in canonical form.

An operation is an unknown function with weights of its own, identified by its name, with two
exceptions. A linear operation or a convolution without an input is its bias, whatever its kernel,
and is written `linear(0)`. Pooling has no weights: without an input it is zero, and two equal
poolings of one value are one value. Laws of particular operations, such as
max_pool(2 x) = 2 max_pool(x) or that the sum of two biases is a bias, are not used.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.ops import OPERATIONS, ZERO, Operation, undilated
from graph_encoding.semantics import Semantics

Sum = tuple[tuple[int, int], ...]
"""A sum of values: sorted (value number, multiplicity >= 1); value 0 is the cell's input."""

_Term = tuple[str, Sum]
"""Operation and argument."""

_Numbering = tuple[dict[int, int], dict[int, _Term]]
"""Numbers assigned so far, by node; and the terms, by node, whose argument is numbered."""

_BIAS = "linear"
"""Name of a term that is only a bias."""

MAX_NUMBERINGS = 100_000
"""Most numberings of an expression that are compared: some 200 MB."""


@dataclass(frozen=True, slots=True)
class FunctionalForm:
    """A cell as the expression it computes, before the closing layer normalisation.

    Every operation with weights is a term of its own: `term_i = op_i(sum_i)`. Terms that do not
    reach the output are removed, zero operations and poolings without an input are removed from
    the sums, and equal poolings of equal sums are one term.

    Attributes:
        ops: (t,) names of the terms' operations, in canonical order; term i + 1 is `ops[i]`.
        arguments: (t,) sums that the operations are applied to; they refer to earlier terms only.
            An empty sum is zero; a linear operation or a convolution of it is named "linear".
        output: the sum that is the cell's output.
        nodes: (t,) first node of the cell (from 0) that each term represents. Not part of the
            identity: equal functions may come from different nodes.
    """

    ops: tuple[str, ...]
    arguments: tuple[Sum, ...]
    output: Sum
    nodes: tuple[int, ...] = field(compare=False)

    @property
    def key(self) -> str:
        """The functional key: readable, and equal if and only if the forms are equal."""
        terms = [
            f"{i}={op}({_sum_text(argument)})"
            for i, (op, argument) in enumerate(zip(self.ops, self.arguments, strict=True), start=1)
        ]
        return ";".join([*terms, f"y={_sum_text(self.output)}"])

    @property
    def edges(self) -> tuple[tuple[int, int, int], ...]:
        """(source, target, multiplicity) of its graph, sorted.

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
    """The canonical form of the function that a cell computes.

    Args:
        cell: any registered cell, of any number of nodes.
        semantics: how its flags and operations are read.

    Returns:
        Equal forms for equal expressions, with operations as at the top of this module; cells of
        equal forms compute the same function up to the names of weights. Sums are multisets: the
        order of nodes does not matter. NAS-Bench-ASR's 13,824 points are 8,923 functions under
        PAPER and 2,099 under RELEASED.
    """
    wiring, ops = _read(cell, semantics)
    if not wiring.has_order:
        return _canonical(ops, wiring.arguments, wiring.output, wiring.alive)
    return FunctionalForm(
        tuple([ops[node] for node in wiring.order]),
        wiring.sums,
        wiring.closing,
        wiring.order,
    )


def functional_key(cell: Cell, semantics: Semantics) -> str:
    """The key of a cell's function, equal if and only if `functional_form` is.

    >>> functional_key(Cell.parse("10_100_1000"), Semantics.PAPER)
    '1=conv5(x);2=conv5(1);3=conv5(2);y=3'
    >>> functional_key(Cell.parse("51_500_5000"), Semantics.PAPER)
    'y=0'
    >>> functional_key(Cell.parse("50_101"), Semantics.PAPER)
    '1=linear(0);y=1'
    """
    return key_and_death(cell, semantics)[0]


def key_and_death(cell: Cell, semantics: Semantics) -> tuple[str, bool]:
    """The functional key of a cell, and whether it is dead, without building its form."""
    wiring, ops = _read(cell, semantics)
    if not wiring.has_order:
        key = _canonical(ops, wiring.arguments, wiring.output, wiring.alive).key
    else:
        key = wiring.key_template % tuple([ops[node] for node in wiring.order])
    return key, wiring.is_dead


def is_dead(cell: Cell, semantics: Semantics) -> bool:
    """Whether a cell's output does not depend on its input."""
    return _read(cell, semantics)[0].is_dead


def canonical_form(
    ops: Sequence[str], arguments: Sequence[Sequence[int]], output: Sequence[int]
) -> FunctionalForm:
    """The canonical form of any expression of operations and sums, for other search spaces.

    Labels are only compared: no operation is known to map zero to zero, or to have no weights.

    Args:
        ops: (n,) label of each term's operation.
        arguments: (n,) per term the multiplicities of the input and of each term: n + 1 counts,
            the input's first. Terms may refer to later terms.
        output: the n + 1 counts of the output.

    Raises:
        UserError: if a count is missing or negative, terms that reach the output form a cycle, or
            equal terms have more than `MAX_NUMBERINGS` orders.

    >>> canonical_form(["b", "a"], [[1, 0, 0], [1, 0, 0]], [0, 1, 1]).key
    '1=a(x);2=b(x);y=1+2'
    """
    width = len(ops) + 1
    if len(arguments) != len(ops):
        raise UserError(
            f"arguments must have one row of counts per term, {len(ops)}, but have {len(arguments)}"
        )
    for counts in (*arguments, output):
        if len(counts) != width or min(counts) < 0:
            raise UserError(
                f"every sum over {len(ops)} terms must have {width} counts >= 0, but got {counts!r}"
            )
    rows = [list(counts) for counts in arguments]
    return _canonical(ops, rows, list(output), _reaching(rows, list(output)))


@dataclass(frozen=True, slots=True)
class _Wiring:
    """The part of a functional form that does not depend on names of operations with weights.

    Attributes:
        arguments: argument of each node's operation, as counts over (input, nodes).
        output: the output, as such counts.
        alive: numbers (from 1) of the nodes that reach the output.
        unfed: nodes (from 0) of those without an input.
        has_order: whether each living term depends on the one before: then only one order is
            possible, and the fields below do not depend on the operations.
        order: nodes (from 0) of the terms.
        sums: arguments of the terms.
        closing: the output as a sum of terms.
        key_template: the key with a placeholder per operation.
        is_dead: whether the output does not depend on the input.
    """

    arguments: list[list[int]]
    output: list[int]
    alive: set[int]
    unfed: frozenset[int]
    has_order: bool
    order: tuple[int, ...]
    sums: tuple[Sum, ...]
    closing: Sum
    key_template: str
    is_dead: bool


def _read(cell: Cell, semantics: Semantics) -> tuple[_Wiring, Sequence[str]]:
    """A cell's wiring, and the name of each node's operation in the form."""
    names, weightless, unfed_names = _names(cell.ops, semantics)
    wiring = _wiring(cell.skips, weightless, semantics.skip_flag)
    if not wiring.unfed:
        return wiring, names
    return wiring, [
        unfed_names[node] if node in wiring.unfed else name for node, name in enumerate(names)
    ]


@lru_cache(maxsize=4096)
def _wiring(
    skips: tuple[tuple[int, ...], ...], weightless: tuple[str | None, ...], skip: int
) -> _Wiring:
    arguments, output = _expand(skips, weightless, skip)
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
        frozenset(node - 1 for node in order if not any(arguments[node - 1])),
        has_order,
        tuple(node - 1 for node in order),
        sums,
        closing,
        places.key,
        places.is_dead,
    )


@lru_cache(maxsize=4096)
def _names(
    ops: tuple[str, ...], semantics: Semantics
) -> tuple[tuple[str, ...], tuple[str | None, ...], tuple[str, ...]]:
    """Three names of each node's operation.

    Returns:
        The operation's name; "zero" or the name of a pooling, None for operations with weights;
        and the name of the operation without an input.
    """
    described = [OPERATIONS.get(op) for op in ops]
    if semantics is Semantics.RELEASED:
        described = [undilated(op) for op in described]
    return (
        tuple(op.name for op in described),
        tuple(_weightless_name(op) for op in described),
        tuple(_BIAS if op.kind in ("linear", "conv") else op.name for op in described),
    )


def _weightless_name(op: Operation) -> str | None:
    if op.kind == "zero":
        return ZERO.name
    return op.name if op.kind in ("max_pool", "avg_pool") else None


def _expand(
    skips: tuple[tuple[int, ...], ...], weightless: tuple[str | None, ...], skip: int
) -> tuple[list[list[int]], list[int]]:
    """Each node's argument and the output, as counts over (input, node 1, .., node n).

    Equal poolings of one value count as the first of them.
    """
    n = len(weightless)
    values = [[1] + [0] * n]
    arguments: list[list[int]] = []
    first_node: dict[tuple[str, tuple[int, ...]], int] = {}
    for k, name in enumerate(weightless):
        argument = values[k]
        arguments.append(argument)
        value = [0] * (n + 1)
        if name is None:
            value[k + 1] = 1
        elif name != ZERO.name and any(argument):
            value[first_node.setdefault((name, tuple(argument)), k + 1)] = 1
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
    """Number the living terms, independently of the order of their nodes.

    The form is the least (terms, output) over all topological orders. Terms are numbered one after
    another: each step keeps the numberings whose next (operation, argument) is least, and the
    least output decides between the remaining ones.
    """
    living = sorted(alive)
    users = {i: [node for node in living if arguments[node - 1][i]] for i in living}

    @cache
    def uses(i: int) -> tuple[int, ...]:
        """Multiplicity of a node in each sum: nodes with equal ones are interchangeable."""
        return (output[i], *[arguments[node - 1][i] for node in living])

    def ready(nodes: list[int], number_of: dict[int, int]) -> dict[int, _Term]:
        return {
            node: (ops[node - 1], _renumber(arguments[node - 1], number_of))
            for node in nodes
            if all(i in number_of for i, count in enumerate(arguments[node - 1]) if count)
        }

    def extended(numberings: list[_Numbering], least: _Term) -> Iterator[_Numbering]:
        for number_of, next_terms in numberings:
            tied = [node for node, term in next_terms.items() if term == least]
            if len(tied) > 1:
                tied = list({uses(node): node for node in tied}.values())
            for node in tied:
                longer = {**number_of, node: len(number_of)}
                left = {other: term for other, term in next_terms.items() if other != node}
                yield longer, left | ready(users[node], longer)

    numberings: list[_Numbering] = [({0: 0}, ready(living, {0: 0}))]
    terms: list[_Term] = []
    while len(terms) < len(living):
        terms.append(_least_term(numberings, alive))
        grown = extended(numberings, terms[-1])
        numberings = list(itertools.islice(grown, MAX_NUMBERINGS + 1))
        if len(numberings) > MAX_NUMBERINGS:
            raise UserError(
                f"equal terms of an expression must have at most {MAX_NUMBERINGS:,} numberings, "
                f"but those of {len(living)} terms have more after {len(terms)} terms; use fewer "
                "equal operations side by side"
            )
    closing, number_of = min(
        ((_renumber(output, number_of), number_of) for number_of, _ in numberings),
        key=lambda found: found[0],
    )
    nodes = tuple([node - 1 for node in number_of if node])
    return FunctionalForm(
        tuple([op for op, _ in terms]), tuple([argument for _, argument in terms]), closing, nodes
    )


def _least_term(numberings: list[_Numbering], alive: set[int]) -> _Term:
    terms = [term for _, next_terms in numberings for term in next_terms.values()]
    if not terms:
        number_of, _ = numberings[0]
        raise UserError(
            "terms must not form a cycle, but these do: "
            f"{sorted(alive - number_of.keys())} (counted from 1)"
        )
    return min(terms)


def _renumber(counts: list[int], number_of: dict[int, int]) -> Sum:
    return tuple(sorted((number_of[i], count) for i, count in enumerate(counts) if count))


def _sum_text(terms: Sum) -> str:
    names = ((f"{count}*" if count > 1 else "") + ("x" if i == 0 else str(i)) for i, count in terms)
    return "+".join(names) or "0"
