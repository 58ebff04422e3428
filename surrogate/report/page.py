"""The page of a comparison: its facts, its plots and its table, in one file."""

from html import escape
from pathlib import Path

from graph_encoding.common.atomic_files import atomic_file
from surrogate.comparison.protocol import PROTOCOLS
from surrogate.comparison.run import BenchmarkResult
from surrogate.report.figures import figures_of
from surrogate.report.series import protocols_of, whole_rows

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1280px; padding: 0 1rem;
  color: #1a1a1a; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(520px, 1fr)); gap: 1rem; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #ddd; text-align: right; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
.wide { overflow-x: auto; }
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
    sections = [_section(result, protocol) for protocol in protocols_of(result)]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>Benchmark {name}</title>",
            f"<style>{_STYLE}</style>",
            f"<script>{get_plotlyjs()}</script>",
            "</head><body>",
            f"<h1>Benchmark {name}</h1>",
            _facts(result),
            *sections,
            "</body></html>\n",
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
    from plotly.io import to_html  # type: ignore[import-untyped]

    plots = [
        to_html(
            figure,
            full_html=False,
            include_plotlyjs=False,
            config={"displaylogo": False, "responsive": True},
            div_id=f"{protocol}-{number}",
        )
        for number, figure in enumerate(figures_of(result, protocol))
    ]
    return "\n".join(
        [
            f"<h2>{escape(protocol)}: {escape(PROTOCOLS.get(protocol).question)}</h2>",
            f"<p>{escape(_ceiling_fact(result, protocol))}</p>",
            '<div class="plots">',
            *plots,
            "</div>",
            _table(result, protocol),
        ]
    )


def _table(result: BenchmarkResult, protocol: str) -> str:
    """All metrics over all test keys, one row per training size and predictor."""
    rows: dict[tuple[int, str], dict[str, str]] = {}
    for row in whole_rows(result, protocol):
        text = f"{row.mean:.4g}"
        if row.low is not None and row.high is not None:
            text += f" ({row.low:.4g} to {row.high:.4g})"
        rows.setdefault((row.train_size, row.predictor), {})[row.metric] = text
    names = [metric.name for metric in result.metrics]
    head = "".join(f"<th>{escape(name)}</th>" for name in ("training keys", "predictor", *names))
    body = [
        f"<tr><td>{size}</td><td>{escape(predictor)}</td>"
        + "".join(f"<td>{escape(row[name])}</td>" for name in names)
        + "</tr>"
        for (size, predictor), row in rows.items()
    ]
    return f'<div class="wide"><table><tr>{head}</tr>\n{chr(10).join(body)}</table></div>'
