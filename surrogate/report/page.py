"""The page of a comparison: its facts, its plots and its table, in one file."""

from html import escape
from pathlib import Path

from graph_encoding.common.atomic_files import atomic_file
from surrogate.comparison.protocol import PROTOCOLS
from surrogate.comparison.run import BenchmarkResult
from surrogate.report.figures import Figure, figures_of
from surrogate.report.series import protocols_of, whole_rows

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1280px; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
h1, h2, figcaption { line-height: 1.25; overflow-wrap: anywhere; }
nav ul { padding-left: 1.2rem; }
a { color: #0b57a4; }
.plots { display: grid; gap: 1.5rem 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 520px), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; font-size: 15px; padding: .5rem 0; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #ddd; text-align: right;
  white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; min-width: 7rem;
  white-space: normal; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin-top: 1rem; }
.wide:focus-visible { outline: 2px solid #0b57a4; }
@media print {
  body { margin: 0; max-width: none; }
  figure, tr { break-inside: avoid; }
  nav, .modebar-container { display: none; }
  .wide { overflow: visible; }
  table { font-size: 9px; }
}
"""


def write_report(result: BenchmarkResult, path: Path) -> None:
    """Write a comparison as one HTML file that needs no network access, in one atomic step.

    Args:
        result: the comparison.
        path: file to write; an existing one is replaced.

    Raises:
        ModuleNotFoundError: if plotly is not installed (the extra `report`).
    """
    text = report_html(result)
    with atomic_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def report_html(result: BenchmarkResult) -> str:
    """The page, which includes the 5 MB of plotly's code.

    Raises:
        ModuleNotFoundError: if plotly is not installed (the extra `report`).
    """
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    name = escape(result.config.name)
    protocols = protocols_of(result)
    sections = [_section(result, protocol) for protocol in protocols]
    links = "".join(f'<li><a href="#{escape(p)}">{escape(p)}</a></li>' for p in protocols)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Benchmark {name}</title>",
            f"<style>{_STYLE}</style>",
            f"<script>{get_plotlyjs()}</script>",
            "</head><body><main>",
            f"<h1>Benchmark {name}</h1>",
            _facts(result),
            f'<nav aria-label="Protocols"><ul>{links}</ul></nav>',
            *sections,
            "</main></body></html>\n",
        ]
    )


def _facts(result: BenchmarkResult) -> str:
    config, source = result.config, result.source
    target = source.dataset.target
    unit = f" [{target.unit}]" if target.unit else ""
    keys = f"{len(source.dataset)} keys of {source.name}"
    bars = (
        f"{config.repeats} repeats; error bars are 95 % confidence intervals, by Student's t "
        "over the repeats, or with a single repeat by a bootstrap over the test keys."
    )
    lines = [
        f"{keys}; target {target.name}{unit}, to {target.direction}.",
        bars,
    ]
    if fact := result.features_fact:
        lines.append(f"{fact[0].upper()}{fact[1:]}.")
    return "\n".join(f"<p>{escape(line)}</p>" for line in lines)


def _ceiling_fact(result: BenchmarkResult, protocol: str) -> str:
    ceiling = result.ceilings[protocol].get("kendall_tau")
    if ceiling is None:
        return "Noise ceiling: unknown; it needs two seeds per test key."
    perfect = "" if ceiling.perfect is None else f"; a perfect predictor {ceiling.perfect:.3f}"
    return (
        f"Noise ceiling: the mean of the other seeds scores a tau of {ceiling.value:.3f} "
        f"({ceiling.low:.3f} to {ceiling.high:.3f}) over {ceiling.keys} keys{perfect}."
    )


def _section(result: BenchmarkResult, protocol: str) -> str:
    plots = [
        _plot(figure, f"{protocol}-{number}")
        for number, figure in enumerate(figures_of(result, protocol))
    ]
    question = escape(PROTOCOLS.get(protocol).question)
    return "\n".join(
        [
            f'<h2 id="{escape(protocol)}">{escape(protocol)}: {question}</h2>',
            f"<p>{escape(_ceiling_fact(result, protocol))}</p>",
            '<div class="plots">',
            *plots,
            "</div>",
            _table(result, protocol),
        ]
    )


def _plot(figure: Figure, name: str) -> str:
    """A figure with its title as text: it wraps, and buttons of the plot do not cover it."""
    from plotly.io import to_html  # type: ignore[import-untyped]

    layout = dict(figure["layout"])
    title = escape(layout.pop("title")["text"])
    plot = to_html(
        {**figure, "layout": layout},
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True},
        div_id=name,
    )
    return f"<figure><figcaption>{title}</figcaption>\n{plot}</figure>"


def _table(result: BenchmarkResult, protocol: str) -> str:
    """All metrics over all test keys, one row per training size and predictor."""
    rows: dict[tuple[int, str], dict[str, str]] = {}
    for row in whole_rows(result, protocol):
        text = f"{row.mean:.4g}"
        if row.low is not None and row.high is not None:
            text += f" ({row.low:.4g} to {row.high:.4g})"
        rows.setdefault((row.train_size, row.predictor), {})[row.metric] = text
    names = [metric.name for metric in result.metrics]
    columns = ("training keys", "predictor", *names)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = [
        f"<tr><td>{size}</td><td>{escape(predictor)}</td>"
        + "".join(f"<td>{escape(row[name])}</td>" for name in names)
        + "</tr>"
        for (size, predictor), row in rows.items()
    ]
    label = f"Metrics of protocol {escape(protocol)}"
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table>'
        f"<caption>{label}: mean (95 % interval)</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>{chr(10).join(body)}</tbody></table></div>"
    )
