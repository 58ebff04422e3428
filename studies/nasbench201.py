"""NAS-Bench-201 as a file of graphs, for `nasasr benchmark --graphs`.

python studies/nasbench201.py PATH/TO/nb201 nb201.jsonl
nasasr benchmark --graphs nb201.jsonl --target cifar10_test_200ep --direction maximise \
    --train-sizes 156 --repeats 2 --predictors xgb,mean

python studies/nasbench201.py PATH/TO/nb201 nb201-executed.jsonl --executed
nasasr benchmark --graphs nb201-executed.jsonl --target latency_ms_samsung_s7 \
    --direction minimise --train-sizes 100 --repeats 4 --predictors stack,ridge

Reads nb201_accuracy.csv and nb201_help_latency_ms.csv. With --executed a graph is that of the
first cell of a key with all that a device runs, copies and what leads nowhere: latency depends
on it, and its label is that cell's. Without, a key is the benchmark's own
`unique_string`; its label is the mean over the cells that share it. Two keys may still be one
function: printed is how many functions the first cells of the keys compute, and how many of the
test keys have theirs in a random training set too.
"""

import argparse
import math
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import CellGraph, GraphRow, UserError, nasbench201, write_graphs
from studies.csv_rows import Row, read_rows

ACCURACIES = (
    "cifar10_test_200ep",
    "cifar100_test_200ep",
    "imagenet16_test_200ep",
    "cifar10_test_12ep",
    "cifar10_valid_12ep",
    "cifar100_test_12ep",
    "cifar100_valid_12ep",
    "imagenet16_test_12ep",
    "imagenet16_valid_12ep",
)
"""In percent. The other columns are of training sets, or have not a value for every key."""

TRAIN_SIZES = (78, 156, 469, 1563)
"""Those of configs/benchmark/nb201.toml."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the two CSV files")
    parser.add_argument("out", type=Path, help="file of graphs to write")
    parser.add_argument("--executed", action="store_true", help="graphs of all that is run")
    options = parser.parse_args()
    try:
        members = cells_by_key(options.folder)
        rows = graph_rows(members, executed=options.executed)
        write_graphs(options.out, rows)
    except UserError as e:
        sys.exit(f"error: {e}")
    keys_of = Counter(graph_of(group[0], executed=False).key for group in members.values())
    print(f"wrote {options.out}: {len(rows)} keys of {len(keys_of)} functions", file=sys.stderr)
    for size in (size for size in TRAIN_SIZES if size < len(members)):
        share = share_known(list(keys_of.values()), size)
        print(
            f"{size} training keys: {share:.1%} of the test keys have their function there",
            file=sys.stderr,
        )


def share_known(keys_of_functions: list[int], train_keys: int) -> float:
    """Expected share of the other keys whose function is that of a random training key.

    Args:
        keys_of_functions: for each function how many keys it has, >= 1.
        train_keys: keys that are trained on, fewer than there are.
    """
    others = sum(keys_of_functions) - 1

    def unknown(keys: int) -> float:
        return math.prod((others - train_keys - i) / (others - i) for i in range(keys - 1))

    return sum(keys * (1 - unknown(keys)) for keys in keys_of_functions) / (others + 1)


def cells_by_key(folder: Path) -> dict[str, list[Row]]:
    """The cells of each `unique_string`, in order of their index, with all that was measured.

    Raises:
        UserError: if a file cannot be read, or lacks a column or the latencies of a cell.
    """
    latency_path = folder / "nb201_help_latency_ms.csv"
    latencies = {row.values["index"]: row.values for row in read_rows(latency_path, ("index",))}
    members: dict[str, list[Row]] = defaultdict(list)
    columns = ("index", "arch_str", "unique_string", *ACCURACIES)
    for row in read_rows(folder / "nb201_accuracy.csv", columns):
        index = row.values["index"]
        if index not in latencies:
            raise UserError(
                f"{latency_path} must have a row for each cell, but has none of index {index!r}, "
                f"which is that of {row.place}"
            )
        measured = {
            f"latency_ms_{device}": value
            for device, value in latencies[index].items()
            if device != "index"
        }
        members[row.values["unique_string"]].append(Row(row.place, {**row.values, **measured}))
    return members


def graph_rows(members: dict[str, list[Row]], *, executed: bool) -> list[GraphRow]:
    """One row for each key, in order of its first cell."""
    (first, *_), *_ = members.values()
    devices = [name for name in first.values if name.startswith("latency_ms_")]
    return [
        GraphRow(
            # The empty text is the identity of the cells whose output is zero.
            replace(graph_of(group[0], executed=executed), key=unique_string or "zero"),
            {
                name: mean(group[:1] if executed else group, name)
                for name in (*ACCURACIES, *devices)
            },
            {},
        )
        for unique_string, group in members.items()
    ]


def graph_of(row: Row, *, executed: bool) -> CellGraph:
    try:
        return nasbench201(row.values["arch_str"], executed=executed)
    except UserError as e:
        raise UserError(f"{row.place}: {e}") from e


def mean(group: list[Row], name: str) -> float:
    return float(np.mean([row.number(name) for row in group]))


if __name__ == "__main__":
    main()
