"""What the tests of all tools share: the shipped benchmark, and a table with gaps."""

from functools import cache

from graph_encoding.cell import Cell
from graph_encoding.functional_identity import functional_key
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.data.targets import VAL_PER
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.forecasting.benchmark_query import Benchmark
from surrogate.forecasting.forecast import Forecaster
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic import synthetic_table

DEAD = "51_500_5000"
LATENCY = "timit-micro/cpu-onnx-fp32-t1-b1-1s"
SEED = 1234


@cache
def shipped() -> Benchmark:
    """The benchmark of the table timit-micro."""
    return Benchmark.load("timit-micro")


@cache
def partly_measured() -> Benchmark:
    """60 measured functions; all others are forecast."""
    artifact = fit_artifact(
        synthetic_table(60),
        (VAL_PER,),
        RidgePredictor,
        name="synthetic",
        seed_policy="mean",
        folds=3,
        seed=0,
        effective_config={},
        make_curve_predictor=RidgePredictor,
    )
    return Benchmark(synthetic_table(60), Forecaster(artifact))


def without_seed(seed: int) -> Cell:
    """A measured cell of the standard space that the shipped table has without a seed."""
    table = shipped().table
    for cell in CellSpace():
        labels = table.labels_of(functional_key(cell, Semantics.PAPER), "val_per")
        if labels and seed not in labels:
            return cell
    raise AssertionError(f"all functions were trained with seed {seed}")
