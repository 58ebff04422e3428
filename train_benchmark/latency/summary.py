"""Summary of a sweep, one row per setting."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from train_benchmark.record_files.latency_record import LatencyRecord


@dataclass(frozen=True)
class SettingSummary:
    """Summary of the records of one setting; a number is None if no cell has a latency.

    Attributes:
        setting: name of the setting.
        cells: number of records.
        median_ms: median latency, in milliseconds.
        lowest_ms: lowest latency.
        highest_ms: highest latency.
        error_percent: median relative standard error of a latency.
        drift: median drift factor.
        noisy: number of latencies whose error stayed above the bound.
        failed: number of cells that failed.
        unsupported: number of cells that the engine cannot run in this setting.
        peak_memory_mb: median peak memory, in 10^6 bytes.
        model_mb: median size of the model.
    """

    setting: str
    cells: int
    median_ms: float | None
    lowest_ms: float | None
    highest_ms: float | None
    error_percent: float | None
    drift: float | None
    noisy: int
    failed: int
    unsupported: int
    peak_memory_mb: float | None
    model_mb: float | None


def summarise(records: Iterable[LatencyRecord]) -> list[SettingSummary]:
    """One summary per setting, in the order in which the settings first appear."""
    of_setting: dict[str, list[LatencyRecord]] = {}
    for record in records:
        of_setting.setdefault(record.setting, []).append(record)
    return [_summary(setting, found) for setting, found in of_setting.items()]


def _summary(setting: str, records: list[LatencyRecord]) -> SettingSummary:
    measured = [record for record in records if record.status == "ok"]
    latencies_ms = [1e3 * record.latency_s for record in measured]
    peaks = [r.peak_memory_bytes for r in measured if r.peak_memory_bytes is not None]
    return SettingSummary(
        setting=setting,
        cells=len(records),
        median_ms=_median(latencies_ms),
        lowest_ms=min(latencies_ms, default=None),
        highest_ms=max(latencies_ms, default=None),
        error_percent=_median([100 * r.latency_error_s / r.latency_s for r in measured]),
        drift=_median([r.drift_factor for r in measured]),
        noisy=sum(r.noisy for r in measured),
        failed=sum(r.status == "failed" for r in records),
        unsupported=sum(r.status == "unsupported" for r in records),
        peak_memory_mb=_median([peak / 1e6 for peak in peaks]),
        model_mb=_median([r.model_bytes / 1e6 for r in measured]),
    )


def _median(values: list[float]) -> float | None:
    return median(values) if values else None
