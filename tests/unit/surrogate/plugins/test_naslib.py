"""The object with NASLib's methods, and that its faults are not repeated."""

import enum

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import functional_key, is_dead
from graph_encoding.semantics import Semantics
from surrogate.plugins.cell_problem import CellProblem, NoValueError
from surrogate.plugins.naslib import NasBenchASRSearchSpace
from tests.unit.surrogate.plugins.shipped import DEAD, LATENCY, shipped


class Metric(enum.Enum):
    """As NASLib has it."""

    VAL_ACCURACY = enum.auto()
    TEST_ACCURACY = enum.auto()
    PARAMETERS = enum.auto()
    FLOPS = enum.auto()
    TRAIN_TIME = enum.auto()


def space(seed: int = 0, compact: object = None) -> NasBenchASRSearchSpace:
    found = NasBenchASRSearchSpace(CellProblem(shipped()), seed, latency_setting=LATENCY)
    if compact is not None:
        found.set_compact(compact)
    return found


def test_sixty_steps_of_an_evolution_find_less_error_than_they_began_with() -> None:
    """Code as it is written against NASLib: the greatest accuracy is the best."""
    rng = np.random.default_rng(0)
    population = []
    for step in range(60):
        child = space(step)
        if step < 10:
            child.sample_random_architecture(dataset_api=None)
        else:
            draws = rng.choice(len(population), 8)
            parent = max((population[i] for i in draws), key=lambda pair: pair[0])[1]
            child.mutate(parent, dataset_api=None)
        accuracy = child.query(Metric.VAL_ACCURACY, dataset="x", dataset_api={})
        assert accuracy == 1 - shipped().query(child.cell).value
        population.append((accuracy, child))
    first = [accuracy for accuracy, _ in population[:20]]
    last = [accuracy for accuracy, _ in population[-20:]]
    assert np.mean(last) > np.mean(first)


def test_metrics_by_member_and_by_name() -> None:
    one = space(compact=[[1, 0], [1, 0, 0], [1, 0, 0, 0]])
    cell = Cell.parse("10_100_1000")
    (forecast,) = shipped().forecaster.forecast([cell], targets=(), curve=False, latency=())
    assert one.query("val_per") == shipped().query(cell).value
    assert one.query(Metric.TEST_ACCURACY) == 1 - shipped().query(cell, "test_per").value
    assert one.query(Metric.PARAMETERS) == forecast.params
    assert one.query(Metric.FLOPS) == forecast.macs
    assert one.query("latency") == shipped().query_latency(cell, LATENCY).value


def test_epochs_count_from_zero_and_curves_end_before_the_epoch() -> None:
    one = space(compact="10_100_1000")
    curve = one.query(Metric.VAL_ACCURACY, full_lc=True)
    assert isinstance(curve, list)
    assert len(curve) == one.get_max_epochs() + 1 == 20
    for epoch in (0, 19):
        value = 1 - shipped().query("10_100_1000", epoch=epoch + 1).value
        assert one.query(Metric.VAL_ACCURACY, epoch=epoch) == curve[epoch] == value
    assert one.query("val_per", epoch=3, full_lc=True) == [1 - a for a in curve[:3]]


def test_queries_that_cannot_be_answered() -> None:
    one = space(compact="10_100_1000")
    for options in ({}, {"full_lc": True}, {"metric": Metric.PARAMETERS}):
        with pytest.raises(UserError, match=r"an epoch must be in 0 \.\. 19 or -1, not 20"):
            one.query(epoch=20, **options)
    with pytest.raises(UserError, match="or -1, not -2"):
        one.query(epoch=-2)
    with pytest.raises(UserError, match="must be a target"):
        one.query(Metric.TRAIN_TIME)
    with pytest.raises(UserError, match="only val_per has a learning curve"):
        one.query("params", full_lc=True)
    with pytest.raises(NoValueError, match="dead"):
        space(compact=DEAD).query()
    with pytest.raises(UserError, match="must have a cell, but has none"):
        space().query()
    with pytest.raises(UserError, match="latency needs a setting"):
        type(one)(CellProblem(shipped()))._of(one.cell).query("latency")


def test_equal_functions_have_equal_hashes() -> None:
    one, other = space(compact="00_510_1010"), space(compact="10_510_0010")
    assert one.get_compact() != other.get_compact()
    assert one.get_hash() == other.get_hash() == functional_key(one.cell, Semantics.PAPER)


def test_mutants_are_new_living_functions_and_change_flags_too() -> None:
    parent = space(compact="10_100_1000")
    child = space(3)
    changed = set()
    for _ in range(60):
        child.mutate(parent)
        assert child.get_hash() != parent.get_hash()
        assert not is_dead(child.cell, Semantics.PAPER)
        assert child.mutations_tried >= 1
        mine, its = child.cell.flat, parent.cell.flat
        changed |= {place for place in range(9) if mine[place] != its[place]}
    assert changed == set(range(9))
    with pytest.raises(UserError, match="mutation_rate must be >= 1"):
        child.mutate(parent, mutation_rate=0)


def test_a_mutant_that_cannot_exist_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    parent, child = space(compact="10_100_1000"), space()
    monkeypatch.setattr(
        type(parent._problem.search.space.cells), "mutate", lambda _, cell, __: cell
    )
    with pytest.raises(UserError, match="1000 of cell '10_100_1000' are not"):
        child.mutate(parent)


def test_neighbours_are_distinct_living_functions(capsys: pytest.CaptureFixture[str]) -> None:
    one = space(compact="10_100_1000")
    found = one.get_nbhd(dataset_api=None)
    keys = {neighbour.arch.get_hash() for neighbour in found}
    assert len(keys) == len(found) > 15
    assert one.get_hash() not in keys
    assert capsys.readouterr().out == ""


def test_the_iterator_has_each_living_function_once() -> None:
    one = space()
    keys = set()
    for compact in one.get_arch_iterator(dataset_api=None):
        one.set_compact(compact)
        keys.add(one.get_hash())
    assert len(keys) == 8911


def test_equal_seeds_give_equal_draws() -> None:
    def drawn(seed: int) -> list[object]:
        one = space(seed)
        first = one.sample_random_architecture()
        other = one.clone()
        other.mutate(one)
        return [first, other.get_compact(), [n.arch.get_compact() for n in one.get_nbhd()]]

    assert drawn(1) == drawn(1) != drawn(2)
    assert space().get_type() == "asr"
