"""NAS-Bench-Graph as a file of graphs, for `nasasr benchmark --graphs`.

python studies/nasbench_graph.py nasbench_graph_cora.csv cora.jsonl
nasasr benchmark --graphs cora.jsonl --target test_perf --direction maximise \
    --train-sizes 156 --repeats 2 --predictors xgb,mean

A key is the function that a cell computes; its label is the mean over the cells that share it.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import CellGraph, GraphRow, UserError, nasbench_graph, write_graphs
from studies.csv_rows import Row, read_rows

TARGETS = ("valid_perf", "test_perf", "latency_s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path, help="file of one dataset")
    parser.add_argument("out", type=Path, help="file of graphs to write")
    options = parser.parse_args()
    try:
        rows = graph_rows(options.csv)
        write_graphs(options.out, rows)
    except UserError as e:
        sys.exit(f"error: {e}")
    print(f"wrote {options.out}: {len(rows)} keys", file=sys.stderr)


def graph_rows(path: Path) -> list[GraphRow]:
    """One row for each key, in order of its first cell."""
    graphs: dict[str, CellGraph] = {}
    members: dict[str, list[Row]] = defaultdict(list)
    for row in read_rows(path, ("link", "ops", *TARGETS)):
        graph = graph_of(row)
        graphs.setdefault(graph.key, graph)
        members[graph.key].append(row)
    return [
        GraphRow(graph, {name: mean(members[key], name) for name in TARGETS}, {})
        for key, graph in graphs.items()
    ]


def graph_of(row: Row) -> CellGraph:
    """The graph of a cell, whose links are written as one digit for each node."""
    link = row.values["link"]
    if not (link.isascii() and link.isdigit()):
        raise UserError(
            f"{row.place} must have a digit for each node in column 'link', such as 0012, but has "
            f"{link!r}"
        )
    try:
        return nasbench_graph([int(source) for source in link], row.values["ops"].split("|"))
    except UserError as e:
        raise UserError(f"{row.place}: {e}") from e


def mean(group: list[Row], name: str) -> float:
    return float(np.mean([row.number(name) for row in group]))


if __name__ == "__main__":
    main()
