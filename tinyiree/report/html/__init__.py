"""The report as one page of HTML that needs nothing else."""

from tinyiree.report.html.page import render_page

__all__ = ["render_page"]
