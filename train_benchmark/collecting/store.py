"""The records of a campaign: an `AppendStore` of trainings."""

from pathlib import Path

from train_benchmark.collecting.append_store import AppendStore
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.stores import CAMPAIGN, CampaignIdentity


class RecordStore(AppendStore[TrainingRecord, CampaignIdentity]):
    """The one writer of a campaign folder; use it as a context manager."""

    def __init__(self, folder: Path, *, retry_failed: bool = False) -> None:
        super().__init__(folder, CAMPAIGN, retry_failed=retry_failed)
