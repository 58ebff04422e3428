"""Conversion of a campaign's records to a benchmark table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from graph_encoding.common.errors import UserError
from train_benchmark.record_files.folder_description import read_campaign_description
from train_benchmark.record_files.folder_kinds import read_store
from train_benchmark.table.benchmark_table import BenchmarkTable, TableMetadata
from train_benchmark.table.latencies import gather_latencies


def build_table(
    campaign_folder: Path, out: Path, latency_folders: Sequence[Path] = ()
) -> BenchmarkTable:
    """Build a benchmark table from all records of a campaign folder.

    Args:
        campaign_folder: folder that `nasasr collect` wrote.
        out: folder of the new table; its name becomes the table's name.
        latency_folders: folders of `nasasr latency` to include.

    Raises:
        UserError: if the folder is not a campaign or has no record, `out` exists, or latencies
            contradict each other.
    """
    description = read_campaign_description(campaign_folder)
    records = tuple(read_store(campaign_folder).values())
    if not records:
        raise UserError(f"campaign {campaign_folder} has no record yet; run `nasasr collect` first")
    recipe = description["recipe"]
    metadata = TableMetadata(
        name=out.name,
        recipe=recipe,
        recipe_hash=description["recipe_hash"],
        corpus_fingerprint=description["corpus_fingerprint"],
        semantics=recipe["train"]["semantics"],
        licence=recipe["corpus"]["licence"],
        created=datetime.now(UTC).date().isoformat(),
    )
    latencies = gather_latencies(latency_folders, metadata.semantics)
    BenchmarkTable(metadata, records).save(out, latencies)
    return BenchmarkTable.load(out)
