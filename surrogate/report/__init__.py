"""The report of a comparison: one page of plots that needs no network access."""

from surrogate.report.page import report_html, write_report

__all__ = ["report_html", "write_report"]
