"""Protocols: no key on two sides, and each asks what its name says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding import Cell, UserError, cell_graph
from surrogate.comparison.protocol import (
    MIN_TEST_KEYS,
    PROTOCOLS,
    PlannedSplit,
    planned_splits,
)
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import Source
from surrogate.data.targets import VAL_PER
from surrogate.testing.synthetic import synthetic_dataset


def small_cells(count: int) -> SurrogateDataset:
    """Distinct functions of one and two operations, with made-up labels."""
    texts = [f"{a}{s}_{b}{t}0" for a in range(5) for s in "01" for b in range(5) for t in "01"]
    graphs = {g.key: g for g in (cell_graph(Cell.parse(text)) for text in texts)}
    chosen = tuple(graphs.values())[:count]
    values = np.linspace(0.5, 0.7, len(chosen))
    ones = np.ones(len(chosen), dtype=np.int64)
    return SurrogateDataset(VAL_PER, chosen, values, ones, np.full(len(chosen), np.nan))


def joined(a: SurrogateDataset, b: SurrogateDataset) -> SurrogateDataset:
    new = b.subset([i for i, key in enumerate(b.keys) if key not in set(a.keys)])
    return SurrogateDataset(
        a.target,
        a.graphs + new.graphs,
        np.concatenate([a.values, new.values]),
        np.concatenate([a.seed_counts, new.seed_counts]),
        np.concatenate([a.seed_variances, new.seed_variances]),
    ).sorted_by_key()


def source_of(dataset: SurrogateDataset) -> Source:
    """Every third key is taken to lie outside the training space."""
    marks = np.arange(len(dataset)) % 3 == 0
    return Source("made up", dataset, marks, None)


DATA = joined(synthetic_dataset(80), small_cells(40))
SOURCE = source_of(DATA)
PLAIN = replace(SOURCE, extended=np.zeros(len(DATA), dtype=bool))


def keys_of(indices: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> set[str]:
    return {DATA.keys[i] for i in indices}


@pytest.mark.parametrize("name", list(PROTOCOLS))
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_keys_never_cross(name: str, seed: int) -> None:
    splits = planned_splits(SOURCE, PROTOCOLS.get(name), (5, 12), 2, seed)
    assert splits
    for split in splits:
        sets = split.of(SOURCE)
        assert not set(sets.train.keys) & set(sets.test.keys)
        assert len(sets.train) == len(set(sets.train.keys)) == split.train_size
        assert len(sets.test) >= MIN_TEST_KEYS
        assert not len(sets.calibration)


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_larger_training_sets_hold_the_smaller_ones(name: str) -> None:
    found: dict[tuple[str, int], list[PlannedSplit]] = {}
    for split in planned_splits(SOURCE, PROTOCOLS.get(name), (5, 12), 3, 0):
        found.setdefault((split.detail, split.repeat), []).append(split)
    for small, large in found.values():
        assert keys_of(small.train) < keys_of(large.train)


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_repeats_differ_and_a_seed_gives_the_same_again(name: str) -> None:
    def drawn(seed: int) -> list[tuple[str, int, frozenset[str]]]:
        splits = planned_splits(SOURCE, PROTOCOLS.get(name), (10,), 2, seed)
        return [(s.detail, s.repeat, frozenset(keys_of(s.train))) for s in splits]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    trained = {(detail, repeat): keys for detail, repeat, keys in drawn(3)}
    assert all(trained[detail, 0] != trained[detail, 1] for detail, _ in trained)


def test_random_asks_for_all_other_keys_of_the_training_space() -> None:
    (split,) = planned_splits(SOURCE, PROTOCOLS.get("random"), (20,), 1, 0)
    inside = keys_of(np.flatnonzero(~SOURCE.extended))
    assert keys_of(split.train) | keys_of(split.test) == inside


def test_leave_operation_out_trains_without_and_tests_with_the_operation() -> None:
    splits = planned_splits(PLAIN, PROTOCOLS.get("leave-operation-out"), (10,), 1, 0)
    assert {s.detail for s in splits} == {"linear", "conv5", "conv5d2", "conv7", "conv7d2"}
    for split in splits:
        sets = split.of(PLAIN)
        assert all(split.detail not in {op.name for op in g.ops} for g in sets.train.graphs)
        assert all(split.detail in {op.name for op in g.ops} for g in sets.test.graphs)


def test_small_to_large_takes_the_least_size_that_is_enough() -> None:
    (split,) = planned_splits(PLAIN, PROTOCOLS.get("small-to-large"), (20,), 1, 0)
    sets = split.of(PLAIN)
    assert split.detail == "at most 2 operations"
    assert max(g.inner_nodes for g in sets.train.graphs) == 2
    assert {g.inner_nodes for g in sets.test.graphs} == {3}


def test_extended_trains_inside_and_tests_outside() -> None:
    (split,) = planned_splits(SOURCE, PROTOCOLS.get("extended"), (20,), 1, 0)
    assert not SOURCE.extended[split.train].any()
    assert keys_of(split.test) == keys_of(np.flatnonzero(SOURCE.extended))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("random", rf"of the {len(DATA)} keys .* train size of {len(DATA) - 5} leaves 5"),
        ("leave-operation-out", rf"of the {len(DATA)} keys .* may be trained on"),
        ("small-to-large", r"operations -> keys .*; take train sizes of at most \d+$"),
        ("extended", "no key outside its space"),
    ],
)
def test_what_a_source_cannot_give_is_an_error(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        planned_splits(PLAIN, PROTOCOLS.get(name), (len(DATA) - 5,), 1, 0)


def test_a_source_must_be_sorted() -> None:
    backwards = DATA.subset(range(len(DATA))[::-1])
    with pytest.raises(UserError, match="sorted by key"):
        Source("made up", backwards, SOURCE.extended, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"graphs": tuple(replace(g, edges=((0, 1, 1),)) for g in synthetic_dataset(8).graphs)},
        {"values": synthetic_dataset(8).values + 1},
        {"seed_counts": synthetic_dataset(8).seed_counts + 1},
        {"seed_variances": synthetic_dataset(8).seed_variances + 1},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_all_that_a_fit_learns_from_is_in_the_fingerprint(changed: dict[str, Any]) -> None:
    data = synthetic_dataset(8)
    assert replace(data, **changed).content_sha256 != data.content_sha256
    unknown = replace(data, seed_variances=np.full(8, np.nan))
    assert unknown.content_sha256 == replace(unknown).content_sha256
