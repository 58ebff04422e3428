"""The page as one file: style, program and data inside, so that it needs no other."""

import base64
import json
from importlib import resources
from pathlib import Path

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError
from surrogate.explorer.contents import Contents

MOST_BYTES = 8_000_000
"""Largest page: one that people still send by mail."""

SCRIPTS = (
    "data.js",
    "format.js",
    "state.js",
    "colours.js",
    "front.js",
    "pixels.js",
    "map.js",
    "charts.js",
    "cell_drawing.js",
    "cell_panel.js",
    "list.js",
    "searches.js",
    "controls.js",
    "main.js",
)
"""Files of the program, in the order in which they run."""


def write_explorer(contents: Contents, path: Path) -> int:
    """Write the page in one atomic step.

    Args:
        contents: what it holds.
        path: the file; an existing one is replaced.

    Returns:
        Its number of bytes.

    Raises:
        UserError: if the page exceeds `MOST_BYTES`.
    """
    text = explorer_html(contents).encode()
    if len(text) > MOST_BYTES:
        raise UserError(
            f"the page must have at most {MOST_BYTES / 1e6:g} MB, but has {len(text) / 1e6:.1f} "
            "MB; show fewer tables, or fewer levels (--level)"
        )
    with atomic_file(path) as scratch:
        scratch.write_bytes(text)
    return len(text)


def explorer_html(contents: Contents, *, is_served: bool = False) -> str:
    """The page as HTML.

    Args:
        contents: what it holds.
        is_served: whether an `ExplorerServer` forecasts further cells for it.
    """
    script = "\n".join(_static(name) for name in SCRIPTS)
    # The browser itself then refuses requests to any other host.
    reached = "'self'" if is_served else "'none'"
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        f"img-src data: blob:; connect-src {reached}; "
        "base-uri 'none'; form-action 'none'"
    )
    data = base64.b64encode(contents.packed()).decode("ascii")
    return _static("page.html").format(
        policy=policy,
        style=_static("style.css"),
        served=json.dumps(is_served),
        data=data,
        script=f'"use strict";\n(() => {{\n{script}\n}})();',
    )


def _static(name: str) -> str:
    return (resources.files("surrogate.explorer") / "static" / name).read_text(encoding="utf-8")
