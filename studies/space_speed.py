"""Speed of identity and encodings on one core, with a straightforward implementation beside.

python studies/space_speed.py
python studies/space_speed.py --stream 1000000 --format json
"""

import argparse
import hashlib
import itertools
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import (
    NB_ASR_OPS,
    Cell,
    CellSpace,
    Semantics,
    cell_graph,
    encodings,
    functional_key,
)
from graph_encoding.encodings import Composition, GraphStatisticsEncoding, PathDescriptorEncoding
from graph_encoding.published.graph_hash import published_hash

EXTENDED_OPS = (*NB_ASR_OPS, "conv3", "conv9", "conv5d3", "conv5g2", "max_pool3", "gated_linear")
CHUNK = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stream", type=int, default=100_000, help="six-node cells to stream")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    options = parser.parse_args()
    rows = [*identity_rows(), *encoding_rows(), stream_row(options.stream)]
    if options.format == "json":
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    started = time.process_time()
    work()
    return round(time.process_time() - started, 3)


def identity_rows() -> list[dict[str, object]]:
    cells = list(CellSpace())
    slow = seconds(lambda: [literal_hash(cell) for cell in cells])
    fast = seconds(lambda: [published_hash(cell) for cell in cells])
    rows: list[dict[str, object]] = [
        {"what": "published hashes", "points": len(cells), "seconds": fast, "literal_s": slow}
    ]
    rows[0]["ratio"] = round(slow / fast, 2)
    for semantics in Semantics:
        taken = seconds(lambda s=semantics: [functional_key(cell, s) for cell in cells])
        rows.append({"what": f"keys, {semantics.value}", "points": len(cells), "seconds": taken})
    return rows


def encoding_rows() -> list[dict[str, object]]:
    graphs = [cell_graph(cell) for cell in CellSpace()]
    classes = [
        getattr(encodings, n) for n in encodings.__all__ if n not in ("Encoding", "Composition")
    ]
    return [
        {
            "what": made.__name__,
            "points": len(graphs),
            "columns": len(made().columns),
            "seconds": seconds(lambda m=made: m().encode(graphs)),
        }
        for made in classes
    ]


def stream_row(count: int) -> dict[str, object]:
    """Key and encode random six-node cells a chunk at a time; nothing of a chunk is kept."""
    encoding = Composition([GraphStatisticsEncoding(), PathDescriptorEncoding()])
    cells = itertools.islice(CellSpace(6, EXTENDED_OPS).sample(np.random.default_rng(1234)), count)
    done, total = 0, 0.0
    started = time.process_time()
    while chunk := list(itertools.islice(cells, CHUNK)):
        total += float(encoding.encode([cell_graph(cell) for cell in chunk]).sum())
        done += len(chunk)
    taken = time.process_time() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "what": "six-node cells: key, graph, two encodings",
        "points": done,
        "seconds": round(taken, 1),
        "cells_per_s": round(done / taken),
        "peak_rss_mb": round(peak_mb),
        "checksum": round(total),
    }


def literal_hash(cell: Cell) -> str:
    """The published hash as its description reads, on matrices, sharing no work between cells."""
    size = cell.nodes + 2
    matrix = np.zeros((size, size))
    for vertex in range(size - 1):
        matrix[vertex, vertex + 1] = 1
    for k, flags in enumerate(cell.skips, start=1):
        for source, flag in enumerate(flags):
            matrix[source, k + 1] += flag
    for k, op in enumerate(cell.ops, start=1):
        if op == "zero":
            matrix[k, :] = matrix[:, k] = 0
    paths = np.linalg.matrix_power(np.eye(size) + matrix, size)
    kept = [v for v in range(size) if paths[0, v] and paths[v, size - 1]]
    matrix = matrix[np.ix_(kept, kept)]
    names = [-1, *(NB_ASR_OPS.index(op) for op in cell.ops), -2]
    degrees = zip(matrix.sum(1).tolist(), matrix.sum(0).tolist(), kept, strict=True)
    hashes = [md5(str((out, into, names[v]))) for out, into, v in degrees]
    for _ in kept:
        hashes = [
            md5(
                "".join(sorted(h for w, h in enumerate(hashes) if matrix[w, v]))
                + "|"
                + "".join(sorted(h for w, h in enumerate(hashes) if matrix[v, w]))
                + "|"
                + hashes[v]
            )
            for v in range(len(kept))
        ]
    return md5(str(sorted(hashes)))


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


if __name__ == "__main__":
    main()
