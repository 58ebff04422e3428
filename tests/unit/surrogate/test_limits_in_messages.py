"""Messages of what is too much or too little: the limit that they name is one that works."""

import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import UserError
from surrogate.calibration.conformal import place_of_level
from surrogate.comparison.held_out import HeldOutComparison
from surrogate.comparison.plugin import contender
from surrogate.comparison.protocol import MIN_TEST_KEYS, PROTOCOLS, planned_splits
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import check_folds, fold_indices
from surrogate.data.labelled_graphs import Source
from surrogate.data.targets import VAL_PER
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.metrics import seed_agreement
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table


def message_of(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(UserError) as error:
        call(*arguments, **named)
    return str(error.value)


@pytest.mark.parametrize(
    ("count", "level", "named"),
    [
        (9508, 0.9999, "0.9998"),
        (9508, 0.99995, "0.99989"),
        (12, 0.95, "0.9230"),
        (8, 0.9, "0.8888"),
        (1, 0.6827, "0.5000"),
        (4, 0.9, "0.8000"),
    ],
)
def test_the_level_that_can_be_bounded_is_rounded_down(
    count: int, level: float, named: str
) -> None:
    assert f"a level of at most {named}, but got {level};" in message_of(
        place_of_level, count, level
    )


@given(st.integers(1, 10**5), st.integers(1, 9), st.integers(1, 10**9))
def test_a_level_that_a_message_names_is_lower_and_can_be_bounded(
    count: int, digits: int, step: int
) -> None:
    level = round(min(1 - 10.0**-digits * (step % 10), 1 - 1e-9), 9)
    try:
        place_of_level(count, level)
    except UserError as e:
        found = re.search(r"at most ([0-9.]+), but", str(e))
        assert found is not None
        named = float(found.group(1))
        assert named < level
        assert 0 <= place_of_level(count, named) < count


@given(st.integers(0, 30), st.integers(2, 12), st.integers(1, 4))
def test_folds_that_a_message_names_can_be_made(rows: int, folds: int, least_rest: int) -> None:
    def leaves_enough(n: int, parts: int) -> bool:
        rests = [len(rest) for rest, _ in fold_indices(n, parts, np.random.default_rng(0))]
        return min(rests) >= least_rest

    if rows >= folds and leaves_enough(rows, folds):
        check_folds(rows, folds, least_rest)
        return
    told = message_of(check_folds, rows, folds, least_rest)
    found = re.fullmatch(
        rf"{folds} folds must have at least (\d+) keys, but got {rows}; "
        r"(?:take (\d+) folds, or )?measure more functions",
        told,
    )
    assert found is not None, told
    needed, instead = found.groups()
    assert int(needed) > rows
    assert leaves_enough(int(needed), folds)
    if instead is not None:
        assert leaves_enough(rows, int(instead))


@pytest.mark.parametrize("folds", [-1, 0, 1, 2.5, "5", None])
def test_fewer_than_two_folds_are_refused(folds: object) -> None:
    told = message_of(check_folds, 9, folds)
    assert told == f"folds must be a whole number of at least 2, but got {folds!r}"


@pytest.mark.parametrize(
    ("keys", "folds", "message"),
    [
        (1, 5, "5 folds must have at least 5 keys, but got 1; measure more functions"),
        (2, 2, "2 folds must have at least 4 keys, but got 2; measure more functions"),
        (3, 2, "2 folds must have at least 4 keys, but got 3; take 3 folds, or measure"),
        (3, 5, "5 folds must have at least 5 keys, but got 3; take 3 folds, or measure"),
    ],
)
def test_a_fit_of_few_functions_says_how_many_it_needs(keys: int, folds: int, message: str) -> None:
    told = message_of(
        fit_artifact,
        synthetic_table(keys),
        (VAL_PER,),
        RidgePredictor,
        name="few",
        seed_policy="mean",
        folds=folds,
        seed=0,
        effective_config={},
    )
    assert message in told


def test_a_comparison_of_few_functions_says_how_many_it_learns_from() -> None:
    comparison = HeldOutComparison(
        (synthetic_dataset(2),),
        (contender("ridge", {}),),
        repeats=1,
        test_fraction=0.5,
        folds=2,
        level=0.5,
        seed=0,
    )
    told = message_of(comparison.run)
    assert "ridge, compared on val_per with 1 of 2 keys to learn from: 2 folds must have" in told


@cache
def _data(keys: int) -> SurrogateDataset:
    return synthetic_dataset(keys).sorted_by_key()


def _source(keys: int, extended: int = 0) -> Source:
    data = _data(keys)
    return Source("made up", data, np.arange(keys) < extended, None)


@given(st.integers(1, 25), st.integers(0, 15), st.sampled_from(["random", "extended"]))
def test_train_sizes_that_a_message_names_can_be_taken(keys: int, extended: int, name: str) -> None:
    source = _source(keys, min(keys, extended))
    if name == "extended" and not source.extended.any():
        return
    told = message_of(planned_splits, source, PROTOCOLS.get(name), (50,), 1, 0)
    found = re.search(r"; take train sizes of at most (\d+)$", told)
    if found is None:
        assert told.endswith(("the source needs more keys", "more keys to test on"))
        with pytest.raises(UserError):
            planned_splits(source, PROTOCOLS.get(name), (2,), 1, 0)
    else:
        (split,) = planned_splits(source, PROTOCOLS.get(name), (int(found.group(1)),), 1, 0)
        assert len(split.test) >= MIN_TEST_KEYS


@pytest.mark.parametrize("keys", [2, 60])
def test_sizes_that_small_to_large_names_can_be_taken(keys: int) -> None:
    protocol = PROTOCOLS.get("small-to-large")
    told = message_of(planned_splits, _source(keys), protocol, (500,), 1, 0)
    found = re.search(r"; take train sizes of at most (\d+)$", told)
    if keys == 2:
        assert told.endswith("; the source needs more keys of different sizes")
        return
    assert found is not None
    most = int(found.group(1))
    assert planned_splits(_source(keys), protocol, (most,), 1, 0)
    assert message_of(planned_splits, _source(keys), protocol, (most + 1,), 1, 0)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 2), "there are 2 seeds of 0 cells that have them all; collect more cells"),
        ((1, 3), "there are 3 seeds of 1 cells that have them all; collect more cells"),
        ((5, 1), "there are 1 seeds of 5 cells that have them all; collect more seeds"),
    ],
)
def test_what_seeds_lack_to_be_compared_is_named(shape: tuple[int, int], message: str) -> None:
    assert message in message_of(seed_agreement, np.zeros(shape))
