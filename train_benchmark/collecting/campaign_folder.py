"""What a campaign folder says of itself, read without torch: it may be collected elsewhere."""

from pathlib import Path

from train_benchmark.collecting.ledger import CampaignStatus, read_status
from train_benchmark.record_files.run_folder import read_campaign_description
from train_benchmark.record_files.stores import read_store


def campaign_status(folder: Path) -> CampaignStatus:
    """Where a campaign stands; it may be running at this moment.

    Raises:
        UserError: if the folder is no campaign.
    """
    read_campaign_description(folder)
    return read_status(folder, read_store(folder))
