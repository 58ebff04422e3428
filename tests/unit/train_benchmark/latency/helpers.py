"""Made-up latency records, and a sweep that is over in seconds."""

from dataclasses import replace

from graph_encoding import Cell, Semantics
from train_benchmark.latency.config import MethodConfig, Sweep
from train_benchmark.latency.setting import LatencySetting
from train_benchmark.record_files.latency_record import LatencyRecord

QUICK = MethodConfig(
    cells_at_a_time=2,
    loads=2,
    rounds=3,
    runs=2,
    discarded_runs=0,
    reference_every=1,
    max_relative_error=0.5,
    max_attempts=1,
    baseline_seconds=0.0,
)

RECORD = LatencyRecord(
    functional_key="1=conv5(x);y=1",
    cell="10_500_5000",
    semantics="paper",
    setting="timit-micro/cpu-onnx-fp32-t1-b1-1s",
    status="ok",
    error="",
    latency_s=3e-4,
    latency_error_s=1e-6,
    noisy=False,
    quantiles_s=(1e-4, 2e-4, 3e-4, 3e-4, 4e-4, 5e-4, 6e-4),
    repetitions=200,
    attempts=1,
    drift_factor=1.02,
    reference_s=2.9e-4,
    peak_memory_bytes=18_000_000,
    model_bytes=900_000,
    device="a processor",
    software="numpy=2",
)


def made_up(number: int, **changes: object) -> LatencyRecord:
    """A record of a function of its own."""
    return replace(RECORD, functional_key=f"key {number}", **changes)  # type: ignore[arg-type]


def failed(number: int, status: str = "failed") -> LatencyRecord:
    """A record without a latency."""
    nan = float("nan")
    return made_up(
        number,
        status=status,
        error="a reason",
        latency_s=nan,
        latency_error_s=nan,
        drift_factor=nan,
        quantiles_s=(),
        repetitions=0,
        attempts=0,
        peak_memory_bytes=None,
        model_bytes=0,
    )


def quick_sweep(*settings: str, cells: tuple[str, ...]) -> Sweep:
    """A sweep of the CPU-sized network."""
    return Sweep(
        tuple(LatencySetting.parse(f"timit-micro/{name}") for name in settings),
        Semantics.PAPER,
        Cell.parse("10_110_1010"),
        QUICK,
        tuple(Cell.parse(text) for text in cells),
    )
