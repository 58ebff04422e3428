"""Recorded searches, step by step, for the page."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graph_encoding.common.errors import unreadable
from surrogate.explorer.columns import MISSING
from surrogate.explorer.standard_space import StandardSpace
from surrogate.explorer.table_columns import Columns
from surrogate.search.history import Evaluation, read_evaluations

HISTORY_FILE = "history.jsonl"
STATUSES = ("ok", "failed", "dead", "stopped")


@dataclass(frozen=True)
class SearchRun:
    """A recorded search.

    Attributes:
        name: name of its folder.
        about: what the search is: searcher, problem, source.
        evaluations: in order.
    """

    name: str
    about: dict[str, Any]
    evaluations: tuple[Evaluation, ...]

    @classmethod
    def read(cls, path: Path) -> "SearchRun":
        """Read the folder of `nasasr search`, or its history file.

        A last line without its end, as a kill leaves it, is left out.

        Raises:
            UserError: if it is no history of a search.
        """
        file = path / HISTORY_FILE if path.is_dir() else path
        rule = f"{file} must be the history of a search, as `nasasr search --out DIR` writes it"
        remedy = "name the folder of a search"
        with unreadable(rule, remedy):
            text = file.read_text(encoding="utf-8")
            first, *lines = text[: text.rfind("\n") + 1].splitlines()
            evaluations = tuple(read_evaluations(file, lines, remedy))
            found = cls(file.resolve().parent.name, dict(json.loads(first)), evaluations)
            found.facts()  # which reads the first line
            return found

    def facts(self) -> dict[str, Any]:
        """What the page says about it."""
        searcher, problem = self.about["searcher"], self.about["problem"]
        objectives = [objective["name"] for objective in problem.get("objectives", [])]
        limits = {limit["name"]: limit["most"] for limit in problem.get("limits", [])}
        return {
            "name": self.name,
            "searcher": str(searcher),
            "source": str(self.about.get("source", "")),
            "objectives": objectives,
            "directions": [o.get("direction", "minimise") for o in problem.get("objectives", [])],
            "limits": limits,
        }

    def columns(self, space: StandardSpace) -> Columns:
        """Per evaluation: the function (missing if it is not in the space), seed, status, batch.

        `cost/0` and so on are the objectives' costs, lower is better; NaN of what did not end with
        success: those of a stopped training are forecasts.
        """
        index = {key: i for i, key in enumerate(space.keys)}
        rows = self.evaluations
        count = max((len(row.costs) for row in rows), default=0)
        found: Columns = {
            "function": np.array([index.get(row.key, MISSING) for row in rows], dtype=np.int64),
            "seed": np.array([row.seed for row in rows], dtype=np.int64),
            "status": np.array([STATUSES.index(row.status) for row in rows], dtype=np.int64),
            "asked_at": np.array([row.asked_at for row in rows], dtype=np.int64),
        }
        for i in range(count):
            costs = [row.costs[i] if row.status == "ok" else np.nan for row in rows]
            found[f"cost/{i}"] = np.array(costs, dtype=np.float64)
        return found
