"""The explorer: one page that shows the search space, its measurements and its forecasts."""

from surrogate.explorer.contents import Contents, explorer_contents
from surrogate.explorer.page import explorer_html, write_explorer
from surrogate.explorer.server import ExplorerServer

__all__ = [
    "Contents",
    "ExplorerServer",
    "explorer_contents",
    "explorer_html",
    "write_explorer",
]
