"""Identity of cells: the function a cell computes, in a canonical form."""

from dataclasses import dataclass, field

from graph_encoding.cell import Cell
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
    arguments, output = _expand(cell, semantics)
    ops = [op.name for op in semantics.effective_ops(cell)]
    alive = _reaching(arguments, output)
    return _canonical(ops, arguments, output, alive)


def functional_key(cell: Cell, semantics: Semantics) -> str:
    """The key of a cell's function: equal keys if and only if equal functions.

    >>> functional_key(Cell.parse("10_100_1000"), Semantics.PAPER)
    '1=conv5(x);2=conv5(1);3=conv5(2);y=3'
    >>> functional_key(Cell.parse("51_500_5000"), Semantics.PAPER)
    'y=0'
    """
    return functional_form(cell, semantics).key


def is_dead(cell: Cell, semantics: Semantics) -> bool:
    """Whether a cell's output does not depend on its input."""
    return functional_form(cell, semantics).is_dead


def _expand(cell: Cell, semantics: Semantics) -> tuple[list[list[int]], list[int]]:
    """Write each node's argument and the output as counts over (input, node 1, .., node n)."""
    n = cell.nodes
    skip = semantics.skip_flag
    values = [[1] + [0] * n]
    arguments: list[list[int]] = []
    for k in range(n):
        arguments.append(values[k])
        value = [0] * (n + 1)
        if cell.ops[k] != "zero":
            value[k + 1] = 1
        for flag, earlier in zip(cell.skips[k], values, strict=True):
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
    ops: list[str], arguments: list[list[int]], output: list[int], alive: set[int]
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
