"""Where a latency sweep keeps its records: an `AppendStore` of measurements."""

from pathlib import Path

from train_benchmark.collecting.append_store import AppendStore, StoreFormat, read_folder
from train_benchmark.record_files.latency_record import (
    LatencyRecord,
    read_latencies,
    write_latencies,
)
from train_benchmark.record_files.run_folder import CAMPAIGN_DESCRIPTION

Identity = tuple[str, str]

SWEEP = StoreFormat(
    from_json=LatencyRecord.from_json,
    read=read_latencies,
    write=write_latencies,
    records_per_shard=1000,
    run="sweep",
    folder="latency folder",
    not_with=CAMPAIGN_DESCRIPTION,
    identity="(setting, functional key)",
)


def read_latency_store(folder: Path) -> dict[Identity, LatencyRecord]:
    """All records of a sweep's folder by (setting, functional key); it may be written right now.

    Raises:
        UserError: if a shard or a whole journal line is corrupt, or two records of one
            (setting, key) differ.
    """
    return read_folder(folder, SWEEP)


class LatencyStore(AppendStore[LatencyRecord, Identity]):
    """The one writer of a sweep's folder; use it as a context manager."""

    def __init__(self, folder: Path, *, retry_failed: bool = False) -> None:
        super().__init__(folder, SWEEP, retry_failed=retry_failed)
