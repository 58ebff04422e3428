"""Cost and quality of predictors on spaces of 5 to 200 operations.

python studies/vocabulary_growth.py --predictors xgb,gp
python studies/vocabulary_growth.py --names 60 --predictors stack --repeats 1

A space has chains of seven nodes and computed labels. Operations are `structured`, with names such
as k7d4s2e6 from which their sizes are read, or `plain`, with names that say nothing. A label is
the tail of an exponential in a weighted sum over the nodes: of structured operations mostly a
smooth function of the sizes, of plain ones a random number each; neighbours interact. Printed are,
for each space, means over the repeats: Kendall tau on 500 test graphs, processor seconds of a fit
(of the stack with its calibration) and microseconds of an answer, and the number of columns.
"""

import argparse
import itertools
import math
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import CellGraph, Operation, operation_of_name
from graph_encoding.ops import INPUT, OUTPUT, SIZES
from surrogate.comparison.scored_fit import timed_answers
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import FloatArray, Identity, Target
from surrogate.predictors import PREDICTORS

TARGET = Target("score", "score", "", "maximise", Identity())
NODES = 7
TEST = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--names", default="5,20,60,200", help="sizes of the vocabulary")
    parser.add_argument("--predictors", default="xgb", help="registered names")
    parser.add_argument("--kinds", default="structured,plain", help="structured, plain")
    parser.add_argument("--train", type=int, default=60, help="training graphs")
    parser.add_argument("--repeats", type=int, default=4, help="spaces of each size")
    options = parser.parse_args()
    print("space\tnames\tpredictor\ttau\terror\tfit, s\tanswer, us\tcolumns")
    for kind, names, predictor in itertools.product(
        options.kinds.split(","), options.names.split(","), options.predictors.split(",")
    ):
        rows = [
            measured(predictor, space(int(names), kind, options.train + TEST, repeat), repeat)
            for repeat in range(options.repeats)
        ]
        tau, fit, answer, columns = np.mean(rows, axis=0)
        error = np.std([row[0] for row in rows]) / math.sqrt(max(1, len(rows) - 1))
        print(
            f"{kind}\t{names}\t{predictor}\t{tau:.3f}\t{error:.3f}\t{fit:.2f}\t{answer:.0f}\t"
            f"{columns:.0f}",
            flush=True,
        )


def measured(name: str, data: SurrogateDataset, seed: int) -> tuple[float, float, float, float]:
    """Tau, seconds of a fit, microseconds of an answer, columns."""
    train = data.subset(range(len(data) - TEST)).sorted_by_key()
    test = data.subset(range(len(data) - TEST, len(data)))
    predictor = PREDICTORS.get(name)()
    started = time.process_time()
    predictor.fit(train, np.random.default_rng(seed))
    seconds = time.process_time() - started
    predictions, microseconds = timed_answers(predictor, test.graphs)
    tau = float(kendalltau(predictions.mean, test.values)[0])
    return tau, seconds, microseconds, float(len(predictor.columns))


def space(names: int, kind: str, count: int, seed: int) -> SurrogateDataset:
    """Labelled graphs of a space, each key once."""
    ops = operations(names, kind)
    effect = effects(ops, kind)
    weight = np.linspace(1.3, 0.7, NODES)
    rng = np.random.default_rng([names, seed])
    edges = tuple((i, i + 1, 1) for i in range(NODES + 1))
    found: dict[str, tuple[CellGraph, float]] = {}
    while len(found) < count:
        chosen = rng.integers(names, size=NODES)
        key = "-".join(ops[i].name for i in chosen)
        value = effect[chosen]
        paired = np.maximum(value[1:], 0) @ np.maximum(value[:-1], 0)
        score = weight @ value + 0.5 * paired + 0.5 * rng.normal()
        graph = CellGraph((INPUT, *(ops[i] for i in chosen), OUTPUT), edges, key)
        found.setdefault(key, (graph, -math.exp(-score / 4)))
    graphs, labels = zip(*found.values(), strict=True)
    return SurrogateDataset.of_single(TARGET, graphs, labels)


def operations(names: int, kind: str) -> list[Operation]:
    if kind == "plain":
        return [
            Operation(f"op{chr(97 + i // 26)}{chr(97 + i % 26)}x", "other") for i in range(names)
        ]
    sizes = list(itertools.product((3, 5, 7, 9, 11), (1, 2, 4, 8), (1, 2), (1, 3, 4, 6, 8)))
    order = np.random.default_rng(1).permutation(len(sizes))
    return [
        operation_of_name("k{}d{}s{}e{}".format(*sizes[order[i % len(order)]]))
        for i in range(names)
    ]


def effects(ops: list[Operation], kind: str) -> FloatArray:
    """(o,) effect of each operation, of unit variance."""
    own = np.random.default_rng(7).normal(size=len(ops))
    if kind == "plain":
        return own
    sizes = np.log([[getattr(op, field) for field in SIZES] for op in ops])
    scaled = (sizes - sizes.mean(axis=0)) / np.maximum(sizes.std(axis=0), 1e-9)
    by_field = dict(zip(SIZES, scaled.T, strict=True))
    smooth = (
        0.8 * by_field["kernel"]
        - 0.4 * by_field["kernel"] ** 2
        - 0.3 * by_field["dilation"]
        - 0.5 * by_field["stride"]
        + 0.6 * by_field["expansion"]
    )
    return 0.85 * (smooth - smooth.mean()) / smooth.std() + 0.5 * own


if __name__ == "__main__":
    main()
