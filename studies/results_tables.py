"""The tables of docs/results/results.md, from the folder of a benchmark.

nasasr benchmark configs/benchmark/timit-micro.toml --out runs/benchmark/timit-micro
python studies/results_tables.py runs/benchmark/timit-micro
python studies/results_tables.py runs/benchmark/timit-micro --coverage stack

Prints Markdown. Without --coverage: rank, error and cost of every predictor, for each protocol
and training size, with 95 % confidence intervals, and the share of the noise ceiling's tau where
the ceiling is known. With it: the share of labels within the intervals of every level, over all
test keys and in each group, for one predictor at each protocol's largest training size.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

METRICS = (
    ("kendall_tau", "Kendall tau", 3),
    ("rmse", "RMSE", 4),
    ("crps", "CRPS", 4),
    ("coverage_90", "coverage of 90 %", 3),
    ("fit_seconds", "fit, s", 1),
    ("query_microseconds", "answer, us", 0),
)
LEVELS = ("coverage_50", "coverage_80", "coverage_90", "coverage_95")

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of a finished benchmark")
    parser.add_argument("--coverage", metavar="PREDICTOR", help="coverage by level and group")
    options = parser.parse_args()
    file = options.folder / "summary.parquet"
    if not file.exists():
        sys.exit(f"error: {file} must be there; let `nasasr benchmark` finish first")
    rows: list[Row] = pq.read_table(file).to_pylist()
    for protocol in dict.fromkeys(row["protocol"] for row in rows):
        own = [row for row in rows if row["protocol"] == protocol]
        print(f"### {protocol}\n")
        if options.coverage:
            chosen = [row for row in own if row["predictor"] == options.coverage]
            print(coverage_table(chosen))
        else:
            print(quality_table([row for row in own if not row["group"]]))


def quality_table(rows: Sequence[Row]) -> str:
    """A line for each training size and predictor; of several divisions their mean."""
    rows = whole(rows)
    ceiling = next((r["ceiling"] for r in rows if r["metric"] == "kendall_tau"), None)
    head = ["training keys", "predictor", *(title for _, title, _ in METRICS)]
    if ceiling:
        head.insert(3, "of the ceiling")
    lines = []
    for size, predictor in dict.fromkeys((r["train_size"], r["predictor"]) for r in rows):
        found = {
            r["metric"]: r for r in rows if (r["train_size"], r["predictor"]) == (size, predictor)
        }
        cells = [str(size), predictor]
        for metric, _, digits in METRICS:
            row = found[metric]
            text = f"{row['mean']:.{digits}f}"
            if metric == "kendall_tau":
                if row["low"] is not None:
                    text += f" ({row['low']:.3f} to {row['high']:.3f})"
                if ceiling:
                    text += f" | {row['mean'] / ceiling:.0%}"
            cells.append(text)
        lines.append(cells)
    return markdown(head, lines)


def coverage_table(rows: Sequence[Row]) -> str:
    """A line for each group, the whole first; means over divisions, weighed by their test keys."""
    size = max(row["train_size"] for row in rows)
    rows = [row for row in rows if row["train_size"] == size and row["metric"] in LEVELS]
    details = {row["detail"] for row in rows if row["detail"] != "mean of all"}
    rows = [row for row in rows if row["detail"] in details]
    lines = []
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        keys = sum(row["test_keys"] for row in own) / len(LEVELS)
        shares = []
        for level in LEVELS:
            of_level = [row for row in own if row["metric"] == level]
            weight = sum(row["test_keys"] for row in of_level)
            share = sum(row["mean"] * row["test_keys"] for row in of_level) / weight
            shares.append(f"{share:.3f}")
        lines.append([group or f"all, {size} training keys", f"{keys:.0f}", *shares])
    return markdown(["test keys", "number", *(level[-2:] + " %" for level in LEVELS)], lines)


def whole(rows: Sequence[Row]) -> list[Row]:
    """Rows over all divisions of a protocol; of a single one, its own."""
    return [row for row in rows if row["detail"] == "mean of all"] or list(rows)


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    table = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table) + "\n"


if __name__ == "__main__":
    main()
