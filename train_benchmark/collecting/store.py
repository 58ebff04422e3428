"""Where a campaign keeps its records: an `AppendStore` of trainings."""

from pathlib import Path

from train_benchmark.collecting.append_store import AppendStore, StoreFormat, read_folder
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.run_folder import SWEEP_DESCRIPTION
from train_benchmark.table.benchmark_table import read_records, write_records

CAMPAIGN = StoreFormat(
    from_json=TrainingRecord.from_json,
    read=read_records,
    write=write_records,
    records_per_shard=200,
    run="campaign",
    folder="campaign folder",
    not_with=SWEEP_DESCRIPTION,
    identity="(functional key, seed)",
)


def read_store(folder: Path) -> dict[tuple[str, int], TrainingRecord]:
    """All records of a campaign folder by (functional key, seed); it may be written at this moment.

    Raises:
        UserError: if a shard or a whole journal line is corrupt, or two records of one
            (key, seed) differ.
    """
    return read_folder(folder, CAMPAIGN)


class RecordStore(AppendStore[TrainingRecord, tuple[str, int]]):
    """The one writer of a campaign folder; use it as a context manager."""

    def __init__(self, folder: Path, *, retry_failed: bool = False) -> None:
        super().__init__(folder, CAMPAIGN, retry_failed=retry_failed)
