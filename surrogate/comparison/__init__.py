"""Comparison of predictors: same splits, same metrics, and the noise ceiling.

Every score comes from `fitting.fit_and_ask`, which calibrates as `nasasr fit` does, through
`scores.score_rows` and `summary.summarise`: for `benchmark`, `fit --report` and `demo`.
"""

from surrogate.comparison.config import BenchmarkConfig, benchmark_config, load_benchmark_config
from surrogate.comparison.plugin import predictor_kind
from surrogate.comparison.protocol import PROTOCOLS, Division, Protocol
from surrogate.comparison.run import BenchmarkResult, run_benchmark
from surrogate.comparison.scores import POINT_METRICS, ScoreRow
from surrogate.comparison.summary import SummaryRow

__all__ = [
    "POINT_METRICS",
    "PROTOCOLS",
    "BenchmarkConfig",
    "BenchmarkResult",
    "Division",
    "Protocol",
    "ScoreRow",
    "SummaryRow",
    "benchmark_config",
    "load_benchmark_config",
    "predictor_kind",
    "run_benchmark",
]
