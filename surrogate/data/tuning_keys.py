"""The keys used by a search for settings, on which its result must not be evaluated."""

from pathlib import Path

from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.common.strict_json import strict_json

SUMMARY_FILE = "summary.json"
"""File of a search's folder, written by `surrogate.tuning.summary`."""


def searched_keys(path: Path) -> tuple[str, ...]:
    """The keys used by a search, from its summary.

    They cannot be drawn again: the draw depends on all keys, and tables grow.

    Raises:
        UserError: if the file cannot be read, has no such keys, or a wrong checksum of them.
    """
    try:
        summary = strict_json(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UserError(f"cannot read the summary of a search {path}: {e.strerror}") from e
    except ValueError:
        summary = None  # not JSON: most likely the configuration of the search
    keys = summary.get("searched") if isinstance(summary, dict) else None
    if not isinstance(keys, list):
        raise UserError(
            f"{path} must be the {SUMMARY_FILE} of a search, with the keys that it used, but has "
            "none; use that of the folder of `nasasr tune`, or run the search again if it is older"
        )
    if (found := content_hash(keys)) != (expected := summary.get("searched_sha256")):
        raise UserError(
            f"the keys in {path} must have the sha256 {expected}, but have {found}; copy the "
            "file again"
        )
    return tuple(keys)
