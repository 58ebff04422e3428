"""The two kinds of folders of records: campaigns hold trainings, sweeps hold latencies."""

from pathlib import Path

from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.folder_description import CAMPAIGN_DESCRIPTION, SWEEP_DESCRIPTION
from train_benchmark.record_files.latency_record import (
    LatencyRecord,
    read_latencies,
    write_latencies,
)
from train_benchmark.record_files.record_reader import StoreFormat, read_folder
from train_benchmark.record_files.training_rows import read_records, write_records

CampaignIdentity = tuple[str, int]
"""(functional key, seed)"""
SweepIdentity = tuple[str, str]
"""(setting, functional key)"""

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


def read_store(folder: Path) -> dict[CampaignIdentity, TrainingRecord]:
    """All records of a campaign folder by (functional key, seed).

    Raises:
        UserError: as `read_folder` does.
    """
    return read_folder(folder, CAMPAIGN)


def read_latency_store(folder: Path) -> dict[SweepIdentity, LatencyRecord]:
    """All records of a sweep's folder by (setting, functional key).

    Raises:
        UserError: as `read_folder` does.
    """
    return read_folder(folder, SWEEP)
