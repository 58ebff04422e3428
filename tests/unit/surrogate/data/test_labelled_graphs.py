"""Sources of a benchmark: what two of them are together, and which labels are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph_encoding import GraphRow, UserError, write_graphs
from surrogate.comparison import BenchmarkConfig, benchmark_config
from surrogate.comparison.ceiling import noise_ceilings
from surrogate.data.labelled_graphs import load_source
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table, true_per
from train_benchmark.table.benchmark_table import BenchmarkTable, label_of

GRAPHS = synthetic_dataset(30).graphs


def config_of(target: str = "val_per", **source: object) -> BenchmarkConfig:
    return benchmark_config({"source": source, "target": target})


def saved(table: BenchmarkTable, folder: Path) -> str:
    table.save(folder)
    return str(folder)


def test_seeds_of_extended_keys_are_those_of_their_own_table(tmp_path: Path) -> None:
    own, more = synthetic_table(40, seeds=(0, 1)), synthetic_table(40, seeds=(1, 2), start=9)
    source = load_source(
        config_of(table=saved(own, tmp_path / "own"), extended=saved(more, tmp_path / "more"))
    )
    assert source.seed_labels is not None
    assert source.seed_labels.shape == (len(source.dataset), 3)
    for key, extended, labels in zip(
        source.dataset.keys, source.extended, source.seed_labels, strict=True
    ):
        rows = (more if extended else own).rows_of(key)
        known = {int(seed): labels[seed] for seed in np.flatnonzero(~np.isnan(labels))}
        assert known == {row.seed: label_of(row, "val_per") for row in rows}
    for marked in (source.extended, ~source.extended):
        tested = np.flatnonzero(marked)
        assert noise_ceilings(source, tested, seed=0)["kendall_tau"].keys == len(tested)


def test_seeds_of_extended_keys_are_known_beside_a_file_of_graphs(tmp_path: Path) -> None:
    path = tmp_path / "graphs.jsonl"
    write_graphs(path, [GraphRow(g, {"val_per": true_per(g)}, {}) for g in GRAPHS])
    more = saved(synthetic_table(40, start=9), tmp_path / "more")
    source = load_source(config_of(graphs=path, direction="minimise", extended=more))
    assert source.seed_labels is not None
    assert (np.isnan(source.seed_labels).all(axis=1) == ~source.extended).all()


@pytest.mark.parametrize("what", ["recipe_hash", "corpus_fingerprint"])
def test_a_second_table_of_another_recipe_or_corpus_is_refused(tmp_path: Path, what: str) -> None:
    """Its labels are not comparable: a forecast of the one is none of the other."""
    table = synthetic_table(40, start=9)
    rows = tuple(replace(record, **{what: "another"}) for record in table.records)
    other = BenchmarkTable(replace(table.metadata, **{what: "another"}), rows)
    own = saved(synthetic_table(40), tmp_path / "own")
    config = config_of(table=own, extended=saved(other, tmp_path / "other"))
    with pytest.raises(UserError, match=f"one recipe and corpus, but the {what} of .* another"):
        load_source(config)


def test_percents_are_no_rates(tmp_path: Path) -> None:
    """To a logit, all that is above 1 is one value."""
    path = tmp_path / "percents.jsonl"
    rows = [
        GraphRow(graph, {"accuracy": 80 + 0.1 * i, "rate": 1.4 - 0.01 * i, "negative": -0.1}, {})
        for i, graph in enumerate(GRAPHS)
    ]
    write_graphs(path, rows)
    for target, found in (("accuracy", "80.0 to 82.9"), ("negative", "-0.1 to -0.1")):
        config = config_of(target, graphs=path, direction="maximise", transform="logit")
        with pytest.raises(UserError, match=f"are from {found}; divide percents by 100"):
            load_source(config)
    rates = config_of("rate", graphs=path, direction="minimise", transform="logit")
    assert len(load_source(rates).dataset) == 30
    as_is = config_of("accuracy", graphs=path, direction="maximise")
    assert len(load_source(as_is).dataset) == 30
