"""Reporting: results and runs to look at."""

from bt_augment.reporting.figures import Figures, write_figures
from bt_augment.reporting.page import Written
from bt_augment.reporting.report import write_report
from bt_augment.reporting.results_page import write_results_report

__all__ = ["Figures", "Written", "write_figures", "write_report", "write_results_report"]
