"""Pages load the search's helper for `file://` from the site itself, not from another host."""

from typing import Any

# mkdocs passes arguments by name, used or not.
ELSEWHERE = "https://unpkg.com/iframe-worker/shim"
HERE = "javascripts/iframe-worker.js"


def on_post_template(output: str, template_name: str, config: Any) -> str:  # noqa: ARG001
    """Rewrite the address in a page without a source, such as that of error 404."""
    return output.replace(ELSEWHERE, f"/{HERE}")


def on_post_page(output: str, page: Any, config: Any) -> str:  # noqa: ARG001
    """Rewrite the address in one page."""
    return output.replace(ELSEWHERE, f"{'../' * page.url.count('/')}{HERE}")
