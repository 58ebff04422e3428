"""Pages of plots and tables in one file: on any screen, on paper, in the dark, for everyone."""

from collections.abc import Iterable, Sequence
from html import escape

from surrogate.report.plots import Figure

# Plots are drawn for paper. In the dark their lightness is turned over and their hues are kept.
_STYLE = """
:root { color-scheme: light dark; --text: #1a1a1a; --back: #fff; --link: #0b57a4; --line: #ddd; }
@media screen and (prefers-color-scheme: dark) {
  :root { --text: #e4e6ea; --back: #14171c; --link: #8ab8f2; --line: #3a4048; }
  .plotly-graph-div { filter: invert(.92) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1280px; padding: 0 1rem;
  color: var(--text); background: var(--back); }
h1, h2, figcaption { line-height: 1.25; overflow-wrap: anywhere; }
nav ul { padding-left: 1.2rem; }
a { color: var(--link); }
.plots { display: grid; gap: 1.5rem 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 520px), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; font-size: 15px; padding: .5rem 0; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
td { white-space: nowrap; }
th { font-weight: inherit; }
thead th { font-weight: 600; vertical-align: bottom; }
th[scope=row], thead th:first-child { text-align: left; overflow-wrap: anywhere; }
th[scope=row]:last-of-type { min-width: 7rem; }
caption span { display: inline-block; position: sticky; left: 0; max-width: calc(100vw - 2rem); }
.wide { overflow-x: auto; margin-top: 1rem; }
.wide:focus-visible { outline: 2px solid var(--link); }
@media print {
  :root { color-scheme: light; }
  body { margin: 0; max-width: none; }
  figure, tr { break-inside: avoid; }
  nav, .modebar-container { display: none; }
  .wide { overflow: visible; }
  table { font-size: 9px; }
  td { white-space: normal; }
}
"""


def whole_page(title: str, body: Iterable[str]) -> str:
    """A page, which includes the 5 MB of plotly's code.

    Args:
        title: its title, as plain text.
        body: parts of it, as HTML.

    Raises:
        ModuleNotFoundError: if plotly is not installed (the extra `report`).
    """
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    name = escape(title)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{name}</title>",
            f"<style>{_STYLE}</style>",
            f"<script>{get_plotlyjs()}</script>",
            "</head><body><main>",
            f"<h1>{name}</h1>",
            *body,
            "</main></body></html>\n",
        ]
    )


def paragraphs(lines: Iterable[str]) -> str:
    """Lines of plain text, a paragraph each."""
    return "\n".join(f"<p>{escape(line)}</p>" for line in lines)


def plot(figure: Figure, name: str) -> str:
    """A figure with its title as text: it wraps, and buttons of the plot do not cover it."""
    from plotly.io import to_html  # type: ignore[import-untyped]

    layout = dict(figure["layout"])
    title = escape(layout.pop("title")["text"])
    drawn = to_html(
        {**figure, "layout": layout},
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True},
        div_id=name,
    )
    return f"<figure><figcaption>{title}</figcaption>\n{drawn}</figure>"


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, headings: int
) -> str:
    """A table of plain texts, which scrolls on its own where it is too wide.

    Args:
        caption: what it is.
        columns: (n,) headings of its columns.
        rows: texts, n each.
        headings: first columns that name a row.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "\n".join(
        "<tr>"
        + "".join(f'<th scope="row">{escape(text)}</th>' for text in row[:headings])
        + "".join(f"<td>{escape(text)}</td>" for text in row[headings:])
        + "</tr>"
        for row in rows
    )
    label = escape(caption)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table>'
        f"<caption><span>{label}</span></caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>"
    )
