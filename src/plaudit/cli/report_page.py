"""Report on quality as one HTML page: without script, and with nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from plaudit.cli.report_tables import ReportTable
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.workspace.render.plots import forest_plot

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent);
  padding: 0.3rem 0.8rem 0.3rem 0; text-align: left; vertical-align: top; }
svg.plot { display: block; margin-bottom: 0.5rem; }
"""


def report_page(report: QualityReport, tables: Iterable[ReportTable]) -> str:
    """The page, from the tables of a report."""
    title = f"Quality of {report.project}"
    head = f"{report.tasks:,} tasks, {report.votes:,} votes, {len(report.people):,} people."
    body = "\n".join(_section(table) for table in tables)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(head)} Intervals are of 95 %.</p>\n{body}\n"
        "</main>\n</body>\n</html>\n"
    )


def _section(table: ReportTable) -> str:
    parts = [f"<section>\n<h2>{escape(table.title)}</h2>"]
    if table.says:
        parts.append(f"<p>{escape(table.says)}</p>")
    if table.plot:
        drawn = forest_plot(table.title, table.plot, table.lines)
        parts.append(_scrolled(f"Plot: {table.title}", drawn))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    listed = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    parts += [_scrolled(table.title, listed), "</section>"]
    return "\n".join(parts)


def _scrolled(title: str, content: str) -> str:
    """Content that scrolls by itself, also by keyboard, where the window is narrower."""
    label = escape(title)
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">{content}</div>'
