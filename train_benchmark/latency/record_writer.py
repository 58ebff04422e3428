"""The folder of a latency sweep's records: an `AppendStore` of measurements."""

from pathlib import Path

from train_benchmark.collecting.record_writer import AppendStore
from train_benchmark.record_files.folder_kinds import SWEEP, SweepIdentity
from train_benchmark.record_files.latency_record import LatencyRecord


class LatencyStore(AppendStore[LatencyRecord, SweepIdentity]):
    """The only writer of a sweep's folder, to be used as a context manager."""

    def __init__(self, folder: Path, *, retry_failed: bool = False) -> None:
        super().__init__(folder, SWEEP, retry_failed=retry_failed)
