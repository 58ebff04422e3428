"""What a campaign folder holds: its description, its status, and the table of its records.

Reading one needs no torch: a folder that was collected elsewhere is read by a light installation.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graph_encoding.common.errors import UserError
from train_benchmark.collecting.ledger import CampaignStatus, read_status
from train_benchmark.collecting.run_folder import CAMPAIGN_DESCRIPTION, read_description_file
from train_benchmark.collecting.store import read_store
from train_benchmark.record import SCHEMA_VERSION
from train_benchmark.table.benchmark_table import BenchmarkTable, TableMetadata
from train_benchmark.table.latencies import gather_latencies


def campaign_status(folder: Path) -> CampaignStatus:
    """Where a campaign stands; it may be running at this moment.

    Raises:
        UserError: if the folder is no campaign.
    """
    read_description(folder)
    return read_status(folder, read_store(folder))


def build_table(
    campaign_folder: Path, out: Path, latency_folders: Sequence[Path] = ()
) -> BenchmarkTable:
    """Make a benchmark table of all records of a campaign folder.

    Args:
        campaign_folder: folder that `collect` wrote.
        out: folder of the table to write; its name becomes the table's name.
        latency_folders: folders that `nasasr latency` wrote, to go with it.

    Raises:
        UserError: if the folder is no campaign or has no record, `out` exists, or latencies do
            not go together.
    """
    description = read_description(campaign_folder)
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


def read_description(folder: Path) -> dict[str, Any]:
    """The description of a campaign folder: recipe, recipe hash and corpus fingerprint.

    Raises:
        UserError: if the folder is no campaign.
    """
    return read_description_file(
        folder / CAMPAIGN_DESCRIPTION,
        "a campaign folder that `nasasr collect` wrote",
        "schema_version",
        SCHEMA_VERSION,
        ("recipe.train.semantics", "recipe.corpus.licence", "recipe_hash", "corpus_fingerprint"),
    )
