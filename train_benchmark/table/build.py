"""Conversion of a campaign's records to a benchmark table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from graph_encoding.common.errors import UserError
from train_benchmark.record_files.folder_description import read_campaign_description
from train_benchmark.record_files.folder_kinds import read_store
from train_benchmark.table.benchmark_table import BenchmarkTable, TableMetadata
from train_benchmark.table.latencies import gather_latencies, shared_latencies


def build_table(
    campaign_folder: Path,
    out: Path,
    latency_folders: Sequence[Path] = (),
    latency_of: str | None = None,
) -> BenchmarkTable:
    """Build a benchmark table from all records of a campaign folder.

    Args:
        campaign_folder: folder that `nasasr collect` wrote.
        out: folder of the new table; its name becomes the table's name.
        latency_folders: folders of `nasasr latency` to include.
        latency_of: shipped table of the same network, whose latencies the table shares.

    Raises:
        UserError: if the folder is not a campaign or has no record, `out` exists, latencies
            contradict each other, or are both included and shared.
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
    if latency_of is None:
        latencies = gather_latencies(latency_folders, metadata.semantics)
        BenchmarkTable(metadata, records).save(out, latencies)
    elif latency_folders:
        raise UserError(
            "a table has latencies of its own or shares those of another table, but both were "
            "given; leave one of them out"
        )
    else:
        shared = shared_latencies(latency_of, metadata.recipe, metadata.semantics)
        BenchmarkTable(metadata, records, shared).save(out)
    return BenchmarkTable.load(out)
