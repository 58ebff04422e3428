"""The page of a comparison: its facts, its plots and its table, in one file."""

from html import escape
from pathlib import Path

from graph_encoding.common.atomic_files import atomic_file
from surrogate.comparison.protocol import PROTOCOLS
from surrogate.comparison.run import BenchmarkResult
from surrogate.report.figures import figures_of
from surrogate.report.html_page import paragraphs, plot, table, whole_page
from surrogate.report.series import protocols_of, whole_rows


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
    protocols = protocols_of(result)
    sections = [_section(result, protocol) for protocol in protocols]
    links = "".join(f'<li><a href="#{escape(p)}">{escape(p)}</a></li>' for p in protocols)
    return whole_page(
        f"Benchmark {result.config.name}",
        [_facts(result), f'<nav aria-label="Protocols"><ul>{links}</ul></nav>', *sections],
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
    return paragraphs(lines)


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
        plot(figure, f"{protocol}-{number}")
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


def _table(result: BenchmarkResult, protocol: str) -> str:
    """All metrics over all test keys, one row per training size and predictor."""
    rows: dict[tuple[int, str], dict[str, str]] = {}
    columns: dict[str, str] = {}
    for row in whole_rows(result, protocol):
        rows.setdefault((row.train_size, row.predictor), {})[row.metric] = row.text
        unit = f" [{row.text_unit}]" if row.text_unit else ""
        columns.setdefault(row.metric, f"{row.heading}{unit}")
    return table(
        f"Metrics of protocol {protocol}: mean (95 % interval)",
        ("training keys", "predictor", *columns.values()),
        [[str(size), name, *(row[one] for one in columns)] for (size, name), row in rows.items()],
        headings=2,
    )
