"""NAS-Bench-201 as a file of graphs, for `nasasr benchmark --graphs`.

python benchmarks/nasbench201.py PATH/TO/nb201 nb201.jsonl
nasasr benchmark --graphs nb201.jsonl --target cifar10_test_200ep --direction maximise \
    --train-sizes 156 --repeats 2 --predictors xgb,mean

python benchmarks/nasbench201.py PATH/TO/nb201 nb201-executed.jsonl --executed
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
import csv
import math
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import GraphRow, UserError, nasbench201, write_graphs

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
    keys_of = Counter(nasbench201(group[0]["arch_str"]).key for group in members.values())
    print(f"wrote {options.out}: {len(rows)} keys of {len(keys_of)} functions", file=sys.stderr)
    for size in TRAIN_SIZES:
        share = share_known(list(keys_of.values()), size)
        print(
            f"{size} training keys: {share:.1%} of the test keys have their function there",
            file=sys.stderr,
        )


def share_known(keys_of_functions: list[int], train_keys: int) -> float:
    """Expected share of the other keys whose function is that of a random training key."""
    others = sum(keys_of_functions) - 1

    def unknown(keys: int) -> float:
        return math.prod((others - train_keys - i) / (others - i) for i in range(keys - 1))

    return sum(keys * (1 - unknown(keys)) for keys in keys_of_functions) / (others + 1)


def cells_by_key(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The cells of each `unique_string`, in order of their index, with all that was measured."""
    latencies = {row.pop("index"): row for row in read(folder / "nb201_help_latency_ms.csv")}
    members: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in read(folder / "nb201_accuracy.csv"):
        measured = latencies[row["index"]]
        row |= {f"latency_ms_{device}": value for device, value in measured.items()}
        members[row["unique_string"]].append(row)
    return members


def graph_rows(members: dict[str, list[dict[str, str]]], *, executed: bool) -> list[GraphRow]:
    """One row for each key, in order of its first cell."""
    devices = [name for name in next(iter(members.values()))[0] if name.startswith("latency_ms_")]
    return [
        GraphRow(
            # The empty text is the identity of the cells whose output is zero.
            replace(
                nasbench201(group[0]["arch_str"], executed=executed), key=unique_string or "zero"
            ),
            {
                name: mean(group[:1] if executed else group, name)
                for name in (*ACCURACIES, *devices)
            },
            {},
        )
        for unique_string, group in members.items()
    ]


def mean(group: list[dict[str, str]], name: str) -> float:
    return float(np.mean([float(row[name]) for row in group]))


def read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    except OSError as e:
        raise UserError(f"cannot read {path}: {e}") from e


if __name__ == "__main__":
    main()
