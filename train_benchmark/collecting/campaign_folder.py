"""Status of a campaign folder, read without torch: it may be collected elsewhere."""

from pathlib import Path

from train_benchmark.collecting.ledger import CampaignStatus, read_status
from train_benchmark.record_files.folder_description import read_campaign_description
from train_benchmark.record_files.folder_kinds import read_store


def campaign_status(folder: Path) -> CampaignStatus:
    """Progress of a campaign, which may be running.

    Raises:
        UserError: if the folder is no campaign.
    """
    read_campaign_description(folder)
    return read_status(folder, read_store(folder))
