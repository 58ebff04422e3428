"""Do intervals cover from a few dozen training keys on? Each predictor, on several benchmarks.

python studies/few_keys_coverage.py --table timit-micro --target val_per --predictors gp,ridge
python studies/few_keys_coverage.py --graphs nb201.jsonl --target cifar10_test_200ep \
    --direction maximise --predictors gp,xgb --repeats 12

Prints, per training size and predictor: the share of test labels within 90 % intervals with its
standard error over the repeats, the mean width of an interval on the raw scale, Kendall tau, and
processor seconds of a fit with its calibration. The calibration is that of `nasasr fit`. A repeat
tests on at most `--test` keys: the error of its share is then small beside that of the draw of the
training keys, .04 with 50 of them. A copy of this script in the folder `studies` of an older
checkout prints what that one gives on the same draws.
"""

import argparse
import math
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.stats import kendalltau

sys.path.insert(0, str(Path(__file__).parents[1]))

from surrogate.calibration import calibrate
from surrogate.comparison.plugin import Contender, contender
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import load_source
from surrogate.data.source_config import SourceConfig

LEVEL = 0.9
FOLDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--table", help="shipped table, or the folder of one")
    source.add_argument("--graphs", type=Path, help="file of labelled graphs")
    parser.add_argument("--target", required=True)
    parser.add_argument("--direction", help="of the labels of graphs: minimise or maximise")
    parser.add_argument("--predictors", default="mean,ridge,additive,gp,xgb")
    parser.add_argument("--train-sizes", default="50,100,250")
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--test", type=int, default=1000, help="most test keys per repeat")
    parser.add_argument("--dropout", type=float, help="of gnn and stack, instead of a choice")
    options = parser.parse_args()
    data = labelled(options)
    print("train\tpredictor\tcoverage\tits error\twidth\ttau\tfit, s", flush=True)
    for size in map(int, options.train_sizes.split(",")):
        for name in options.predictors.split(","):
            chosen = contender(name, network_settings(name, options.dropout))
            rows = [repeated(data, chosen, size, n, options.test) for n in range(options.repeats)]
            share, width, tau, fit = np.mean(rows, axis=0)
            error = np.std([row[0] for row in rows]) / math.sqrt(max(1, len(rows) - 1))
            print(
                f"{size}\t{name}\t{share:.3f}\t{error:.3f}\t{width:.3g}\t{tau:.3f}\t{fit:.1f}",
                flush=True,
            )


def network_settings(name: str, dropout: float | None) -> dict[str, Any]:
    """Settings of a predictor: the dropout of its network, if it has one and that is given."""
    of_network: dict[str, Any] = {} if dropout is None else {"dropout": dropout}
    chosen: dict[str, dict[str, Any]] = {"gnn": of_network, "stack": {"gnn": of_network}}
    return chosen.get(name, {})


def labelled(options: argparse.Namespace) -> SurrogateDataset:
    """The labelled graphs that the options name, without additional test keys."""
    chosen = SourceConfig(table=options.table, graphs=options.graphs, direction=options.direction)
    source = load_source(SimpleNamespace(source=chosen, target=options.target, seed_policy="mean"))
    return source.dataset.subset(np.flatnonzero(~source.extended))


def repeated(
    data: SurrogateDataset, chosen: Contender, size: int, repeat: int, most: int
) -> tuple[float, float, float, float]:
    """Coverage, mean width, Kendall tau and seconds of one draw of the training keys."""
    order = np.random.default_rng([size, repeat]).permutation(len(data))
    train, test = data.subset(order[:size]), data.subset(order[size : size + most])
    rng = np.random.default_rng(repeat)
    started = time.process_time()
    fitted = calibrate(train, chosen.make, FOLDS, rng, novel=False)
    seconds = time.process_time() - started
    found = fitted.predictor.predict(test.graphs)
    interval = fitted.calibrator.interval(found, LEVEL, fitted.novelty(test.graphs))
    inside = (interval.low <= test.model_values) & (test.model_values <= interval.high)
    low, high = data.target.transform.interval_to_raw(interval.low, interval.high)
    tau = float(kendalltau(found.mean, test.model_values)[0]) if np.ptp(found.mean) else 0.0
    return float(inside.mean()), float(np.mean(high - low)), tau, seconds


if __name__ == "__main__":
    main()
