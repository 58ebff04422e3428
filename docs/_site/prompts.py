"""Examples with prompts become sessions: the button that copies them leaves prompts out."""

from typing import Any


# mkdocs passes arguments by name, used or not.
def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001
    """Name the language that has prompts and outputs; `site.css` hides both from the button."""
    return markdown.replace("```python\n>>> ", "```pycon\n>>> ")
