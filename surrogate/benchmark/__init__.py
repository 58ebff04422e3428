"""Predictors side by side: same splits, same metrics, beside the noise ceiling."""

from surrogate.benchmark.config import BenchmarkConfig, benchmark_config, load_benchmark_config
from surrogate.benchmark.plugin import predictor_kind
from surrogate.benchmark.protocol import PROTOCOLS, Division, Protocol
from surrogate.benchmark.run import BenchmarkResult, run_benchmark
from surrogate.benchmark.scores import POINT_METRICS, ScoreRow
from surrogate.benchmark.summary import SummaryRow

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
