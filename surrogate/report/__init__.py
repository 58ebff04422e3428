"""A benchmark as one page of plots that opens without a network."""

from surrogate.report.page import report_html, write_report

__all__ = ["report_html", "write_report"]
