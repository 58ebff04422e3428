"""Datasets: one row a key, explicit seeds, nothing dropped silently."""

from dataclasses import replace

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import TEST_PER, VAL_PER
from train_benchmark.table.benchmark_table import BenchmarkTable, label_of


def test_mean_policy_averages_the_seeds(table: BenchmarkTable) -> None:
    data = SurrogateDataset.from_table(table, VAL_PER, "mean")
    key = data.keys[0]
    labels = [label_of(row, "val_per") for row in table.rows_of(key)]
    assert data.values[0] == pytest.approx(np.mean(labels))
    assert data.seed_counts[0] == len(labels)


def test_variance_between_seeds_is_on_the_model_scale(table: BenchmarkTable) -> None:
    data = SurrogateDataset.from_table(table, VAL_PER, "mean")
    i = int(np.flatnonzero(data.seed_counts == 2)[0])
    labels = np.array([label_of(row, "val_per") for row in table.rows_of(data.keys[i])])
    a, b = VAL_PER.transform.to_model(labels)
    assert data.seed_variances[i] == pytest.approx((a - b) ** 2 / 2)


def test_one_seed_takes_its_rows_only(table: BenchmarkTable) -> None:
    data = SurrogateDataset.from_table(table, TEST_PER, 2)
    by_key = {r.functional_key: r.test_per for r in table.measured if r.seed == 2}
    assert dict(zip(data.keys, data.values.tolist(), strict=True)) == by_key
    assert np.isnan(data.seed_variances).all()


def test_absent_seed_names_the_seeds_there_are(table: BenchmarkTable) -> None:
    with pytest.raises(UserError, match=r"seeds \[1, 2\]"):
        SurrogateDataset.from_table(table, VAL_PER, 99)


def test_repeated_key_is_refused(dataset: SurrogateDataset) -> None:
    with pytest.raises(UserError, match="one row for each key"):
        dataset.subset([0, 0])


def test_label_that_is_not_finite_is_refused(dataset: SurrogateDataset) -> None:
    values = dataset.values.copy()
    values[2] = np.nan
    with pytest.raises(UserError, match="finite"):
        replace(dataset, values=values)


def test_wrong_shape_is_refused(dataset: SurrogateDataset) -> None:
    with pytest.raises(UserError, match=r"shape \(60,\)"):
        replace(dataset, values=dataset.values[:-1])


def test_subset_keeps_rows_together(dataset: SurrogateDataset) -> None:
    part = dataset.subset([5, 3])
    assert part.keys == (dataset.keys[5], dataset.keys[3])
    assert part.values.tolist() == [dataset.values[5], dataset.values[3]]
