"""A new device from a few measurements: carried over from other devices, against learned alone.

    python studies/nasbench201.py PATH/TO/nb201 nb201-executed.jsonl --executed
    python studies/latency_transfer.py nb201-executed.jsonl

Every latency column is the new device in turn. The sources are all others, but for those of the
same processor with another batch, each known from 300 random architectures. Printed are medians
over devices and repeats, for all architectures that were not measured on the new device.
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding.graph import CellGraph
from graph_encoding.interop.graph_file import read_graphs
from surrogate.calibration import calibrate
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import LogScale, Target
from surrogate.latency.model import LatencyModel
from surrogate.latency.new_device import TransferredLatency
from surrogate.metrics import spearman_rho
from surrogate.predictors import AdditivePredictor

PREFIX = "latency_"
SOURCE_ROWS = 300
MEASURED = (5, 10, 20)
LEVEL = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graphs", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = list(read_graphs(options.graphs))
    graphs = [row.graph for row in rows]
    targets = [dict(row.targets) for row in rows]
    seconds = {
        name: np.array([of[name] for of in targets]) for name in targets[0] if PREFIX in name
    }
    found: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    for repeat in range(options.repeats):
        sources = {
            name: source_model(name, graphs, values, np.random.default_rng([repeat, 1]))
            for name, values in seconds.items()
        }
        for name, values in seconds.items():
            others = [model for other, model in sources.items() if kind(other) != kind(name)]
            order = np.random.default_rng([repeat, 2]).permutation(len(graphs))
            for n in MEASURED:
                for way, score in scores(others, graphs, values, order[:n], order[n:]).items():
                    found.setdefault((n, way), []).append(score)
        print(f"repeat {repeat + 1} of {options.repeats}", file=sys.stderr)
    print(f"{len(seconds)} devices, {options.repeats} repeats")
    print("measured  way          rho  median error  coverage of 90 %")
    for (n, way), values in found.items():
        rho, error, covered = np.median(np.array(values), axis=0)
        share = "   -" if np.isnan(covered) else f"{covered:.2f}"
        print(f"{n:8}  {way:11} {rho:.3f}  {error:11.1%}  {share}")


def source_model(
    name: str, graphs: list[CellGraph], seconds: np.ndarray, rng: np.random.Generator
) -> LatencyModel:
    dataset = labelled(graphs, seconds, rng.permutation(len(graphs))[:SOURCE_ROWS])
    found = calibrate(dataset, AdditivePredictor, 5, rng)
    return LatencyModel(name, name, found.predictor, found.calibrator, found.trained_on, {})


def kind(name: str) -> str:
    """A column's processor: `latency_ms_titanx_32` is that of `latency_ms_titanx`."""
    return re.sub(r"_(1|32|256)$", "", name)


def labelled(graphs: list[CellGraph], seconds: np.ndarray, rows: np.ndarray) -> SurrogateDataset:
    return SurrogateDataset(
        Target("latency", "latency", "second", "minimise", LogScale()),
        tuple(graphs[i] for i in rows),
        seconds[rows],
        np.ones(len(rows), dtype=np.int64),
        np.full(len(rows), np.nan),
    )


def scores(
    sources: list[LatencyModel],
    graphs: list[CellGraph],
    seconds: np.ndarray,
    measured: np.ndarray,
    rest: np.ndarray,
) -> dict[str, tuple[float, float, float]]:
    """Rank correlation, median relative error and coverage of both ways."""
    asked, truth = [graphs[i] for i in rest], seconds[rest]
    carried = TransferredLatency.fit(
        sources, "new", "new", [graphs[i] for i in measured], seconds[measured]
    )
    told = carried.forecast(asked, LEVEL)
    means = np.array([t.mean for t in told])
    covered = np.mean([t.low <= s <= t.high for t, s in zip(told, truth, strict=True)])
    dataset = labelled(graphs, seconds, measured)
    alone = AdditivePredictor().fit(dataset, np.random.default_rng(0)).predict(asked)
    return {
        "transferred": (spearman_rho(means, truth), error_of(means, truth), float(covered)),
        "alone": (spearman_rho(alone.mean, truth), error_of(np.exp(alone.mean), truth), np.nan),
    }


def error_of(told: np.ndarray, truth: np.ndarray) -> float:
    return float(np.median(np.abs(told / truth - 1)))


if __name__ == "__main__":
    main()
