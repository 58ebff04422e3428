"""Laws of search spaces, of any size and over any operations."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding import (
    NB_ASR_OPS,
    Cell,
    CellSpace,
    Semantics,
    UserError,
    functional_form,
    functional_key,
    nasbench201,
)
from graph_encoding.functional_identity import canonical_form, key_and_death
from graph_encoding.ops import BUILT_IN_OPS


@st.composite
def spaces(draw: st.DrawFn, max_nodes: int = 6) -> CellSpace:
    names = st.lists(st.sampled_from(BUILT_IN_OPS), min_size=1, max_size=7, unique=True)
    return CellSpace(draw(st.integers(1, max_nodes)), tuple(draw(names)))


@st.composite
def points(draw: st.DrawFn, count: int = 1) -> tuple[CellSpace, list[Cell]]:
    space = draw(spaces())
    indices = [draw(st.integers(0, space.size - 1)) for _ in range(count)]
    return space, [space.cell(index) for index in indices]


@given(spaces(), st.data())
def test_indices_and_cells_are_a_bijection(space: CellSpace, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, space.size - 1))
    assert space.index(space.cell(index)) == index


@given(spaces(max_nodes=2))
def test_points_come_in_the_order_of_their_indices(space: CellSpace) -> None:
    assert list(space) == [space.cell(index) for index in range(space.size)]


def test_a_large_space_begins_like_a_small_one() -> None:
    large = CellSpace(nodes=40)
    assert [next(iter(large)), *itertools.islice(large, 3, 5)] == [
        large.cell(index) for index in (0, 3, 4)
    ]


def test_the_originals_order_has_the_first_coordinate_fastest() -> None:
    space = CellSpace()
    texts = [space.cell(i).text for i in (0, 1, 5, 6, 12, 13_823)]
    assert texts == [
        "00_000_0000",
        "10_000_0000",
        "50_000_0000",
        "01_000_0000",
        "00_100_0000",
        "51_511_5111",
    ]
    assert len(list(space)) == space.size == 13_824
    with pytest.raises(UserError, match=r"index must be in 0 \.\. 13823, but got 13824"):
        space.cell(13_824)


@given(points())
def test_neighbours_are_at_distance_one_and_neighbours_of_each_other(
    drawn: tuple[CellSpace, list[Cell]],
) -> None:
    space, (cell,) = drawn
    neighbours = space.neighbours(cell)
    flags = space.nodes * (space.nodes + 1) // 2
    assert len(set(neighbours)) == len(neighbours) == space.nodes * (len(space.ops) - 1) + flags
    for other in neighbours:
        assert space.distance(cell, other) == 1
        assert cell in space.neighbours(other)


def test_a_standard_cell_has_21_neighbours() -> None:
    assert len(CellSpace().neighbours(Cell.parse("10_100_1000"))) == 21


def test_no_other_point_is_at_distance_one() -> None:
    space = CellSpace(nodes=2, ops=NB_ASR_OPS)
    cell = Cell.parse("10_401")
    near = {other for other in space if space.distance(cell, other) == 1}
    assert near == set(space.neighbours(cell))


@given(points(count=3))
def test_the_distance_is_a_metric(drawn: tuple[CellSpace, list[Cell]]) -> None:
    space, (a, b, c) = drawn
    assert space.distance(a, b) == space.distance(b, a)
    assert (space.distance(a, b) == 0) == (a == b)
    assert space.distance(a, c) <= space.distance(a, b) + space.distance(b, c)


@given(points(count=2), st.integers(0, 100))
def test_children_take_each_part_from_a_parent(
    drawn: tuple[CellSpace, list[Cell]], seed: int
) -> None:
    space, (a, b) = drawn
    child = space.crossover(a, b, np.random.default_rng(seed))
    assert space.distance(a, child) + space.distance(child, b) == space.distance(a, b)


@given(points(), st.integers(0, 100))
def test_mutants_are_neighbours(drawn: tuple[CellSpace, list[Cell]], seed: int) -> None:
    space, (cell,) = drawn
    assert space.mutate(cell, np.random.default_rng(seed)) in space.neighbours(cell)


@given(spaces(), st.integers(0, 100))
def test_samples_are_members_and_depend_on_the_generator_alone(space: CellSpace, seed: int) -> None:
    def draw() -> list[Cell]:
        return list(itertools.islice(space.sample(np.random.default_rng(seed)), 20))

    assert draw() == draw()
    assert all(0 <= space.index(cell) < space.size for cell in draw())


def test_distinct_samples_of_a_large_space_are_living_functions() -> None:
    space = CellSpace(6, (*NB_ASR_OPS, "conv3", "conv9", "conv5d3", "max_pool3", "gated_linear"))
    found = space.sample_distinct(200, Semantics.PAPER, np.random.default_rng(0))
    assert len(found) == 200
    for key, cell in found.items():
        assert functional_key(cell, Semantics.PAPER) == key
        assert not functional_form(cell, Semantics.PAPER).is_dead
    few = space.sample_distinct(50, Semantics.PAPER, np.random.default_rng(0))
    assert list(few) == list(found)[:50]


def test_a_space_runs_out_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph_encoding.space._MAX_IDLE_DRAWS", 1000)
    space = CellSpace(nodes=1, ops=("linear",))
    with pytest.raises(UserError, match="3 were asked for and 2 found"):
        space.sample_distinct(3, Semantics.PAPER, np.random.default_rng(0))


@pytest.mark.parametrize("living", [False, True])
@pytest.mark.parametrize("semantics", list(Semantics))
@pytest.mark.parametrize("space", [CellSpace(), CellSpace(2)], ids=["standard", "small"])
def test_representatives_are_the_first_points_however_often_one_asks(
    space: CellSpace, semantics: Semantics, living: bool
) -> None:
    first: dict[str, Cell] = {}
    for cell in space:
        if not (living and functional_form(cell, semantics).is_dead):
            first.setdefault(functional_key(cell, semantics), cell)
    found = space.representatives(semantics, living=living)
    assert list(found.items()) == list(first.items())
    found.clear()  # the caller's own: what is given again is whole
    assert space.representatives(semantics, living=living) == first


@pytest.mark.parametrize("semantics", list(Semantics))
@given(drawn=points())
def test_key_and_death_are_those_of_the_form(
    semantics: Semantics, drawn: tuple[CellSpace, list[Cell]]
) -> None:
    (cell,) = drawn[1]
    form = functional_form(cell, semantics)
    assert key_and_death(cell, semantics) == (form.key, form.is_dead)


def test_large_spaces_are_not_enumerated() -> None:
    space = CellSpace(nodes=5)
    with pytest.raises(UserError, match="at most 2,000,000 points"):
        space.representatives(Semantics.PAPER)
    with pytest.raises(UserError, match="sample_distinct"):
        space.equivalent(Cell.parse("10_100_1000"), Semantics.PAPER)


@pytest.mark.parametrize(
    ("nodes", "ops", "part"),
    [
        (0, NB_ASR_OPS, "nodes >= 1, but got 0"),
        (2.5, NB_ASR_OPS, "nodes >= 1, but got 2.5"),
        (3, (), "distinct operations"),
        (3, ("conv5", "conv5"), "distinct operations"),
        (3, ("conv99",), "unknown operation 'conv99'; known: linear"),
    ],
)
def test_malformed_spaces(nodes: int, ops: tuple[str, ...], part: str) -> None:
    with pytest.raises(UserError, match=part):
        CellSpace(nodes, ops)


def test_a_space_may_be_given_a_list_of_operations() -> None:
    space = CellSpace(1, ["linear", "zero"])  # type: ignore[arg-type]
    assert space == CellSpace(1, ("linear", "zero"))
    assert [c.text for c in space.equivalent(Cell.parse("00"), Semantics.PAPER)] == ["00"]


@pytest.mark.parametrize("semantics", list(Semantics))
def test_equivalent_points_are_all_points_of_a_key(semantics: Semantics) -> None:
    space = CellSpace()
    cell = Cell.parse("10_510_0010")
    same = space.equivalent(cell, semantics)
    key = functional_key(cell, semantics)
    assert list(same) == [c for c in space if functional_key(c, semantics) == key]


Expression = tuple[list[str], list[list[int]], list[int]]


@st.composite
def expressions(draw: st.DrawFn, max_size: int = 6, labels: str = "abc") -> Expression:
    size = draw(st.integers(0, max_size))
    ops = [draw(st.sampled_from(labels)) for _ in range(size)]
    # Mostly absent: terms with equal arguments, which the numbering has to choose from, are many.
    counts = st.sampled_from((0, 0, 0, 1, 1, 2))
    arguments = [
        [draw(counts) if source <= term else 0 for source in range(size + 1)]
        for term in range(size)
    ]
    return ops, arguments, [draw(counts) for _ in range(size + 1)]


@given(expressions(), st.randoms(use_true_random=False))
def test_the_canonical_form_does_not_depend_on_the_numbering(
    made: Expression, random: object
) -> None:
    ops, arguments, output = made
    order = list(range(len(ops)))
    random.shuffle(order)  # type: ignore[attr-defined]

    def moved(counts: list[int]) -> list[int]:
        return [counts[0], *(counts[1 + term] for term in order)]

    shuffled = canonical_form(
        [ops[term] for term in order], [moved(arguments[term]) for term in order], moved(output)
    )
    assert shuffled == canonical_form(ops, arguments, output)


def least_of_all_orders(made: Expression) -> tuple[object, ...]:
    """The definition of the canonical form: all living terms in every order, the least wins."""
    ops, arguments, output = made
    alive: set[int] = set()
    waiting = [output]
    while waiting:
        found = {i for i, count in enumerate(waiting.pop()) if count and i} - alive
        alive |= found
        waiting += [arguments[i - 1] for i in found]
    forms = []
    for order in itertools.permutations(sorted(alive)):
        number = {0: 0, **{node: place for place, node in enumerate(order, start=1)}}

        def total(counts: list[int], number: dict[int, int] = number) -> tuple[object, ...]:
            return tuple(sorted((number[i], count) for i, count in enumerate(counts) if count))

        if all(
            number[i] < number[node]
            for node in order
            for i, count in enumerate(arguments[node - 1])
            if count
        ):
            terms = tuple((ops[node - 1], total(arguments[node - 1])) for node in order)
            forms.append((terms, total(output)))
    return min(forms)


@settings(max_examples=400)
@given(expressions(max_size=5, labels="ab"))
def test_the_canonical_form_is_the_least_of_all_orders(made: Expression) -> None:
    form = canonical_form(*made)
    terms = tuple(zip(form.ops, form.arguments, strict=True))
    assert (terms, form.output) == least_of_all_orders(made)


def test_branches_that_are_alike_are_not_tried_in_all_their_orders() -> None:
    count = 12  # in 479,001,600 orders
    form = canonical_form(["a"] * count, [[1] + [0] * count] * count, [0] + [1] * count)
    assert form.output == tuple((term, 1) for term in range(1, count + 1))


def test_a_large_cell_of_one_operation_has_a_key() -> None:
    """All 21 edges of seven nodes."""
    edges = ("|".join(f"nor_conv_3x3~{source}" for source in range(node)) for node in range(1, 7))
    graph = nasbench201("+".join(f"|{into}|" for into in edges))
    assert graph.inner_nodes == 21
    assert graph.key.startswith("1=nor_conv_3x3(x);")


def test_too_many_orders_to_choose_from_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph_encoding.functional_identity.MAX_NUMBERINGS", 23)
    # Four branches of two terms: each first term has a second one of its own.
    ops = ["a"] * 8
    arguments = [[1] + [0] * 8] * 4 + [[0] * (1 + i) + [1] + [0] * (7 - i) for i in range(4)]
    with pytest.raises(UserError, match=r"at most 23 numberings, .* 8 terms have more after 3"):
        canonical_form(ops, arguments, [0] * 5 + [1] * 4)
    monkeypatch.setattr("graph_encoding.functional_identity.MAX_NUMBERINGS", 24)
    assert canonical_form(ops, arguments, [0] * 5 + [1] * 4).ops == ("a",) * 8


def test_circles_and_malformed_sums_are_errors() -> None:
    with pytest.raises(UserError, match=r"must not form a cycle, but these do: \[1, 2\]"):
        canonical_form(["a", "b"], [[1, 0, 1], [0, 1, 0]], [0, 1, 0])
    with pytest.raises(UserError, match="must have 2 counts >= 0"):
        canonical_form(["a"], [[1]], [0, 1])
    with pytest.raises(UserError, match="must have 2 counts >= 0"):
        canonical_form(["a"], [[-1, 0]], [0, 1])
