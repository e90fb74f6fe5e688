"""Reporting: results to look at."""

from bt_augment.reporting.figures import Figures, write_figures

__all__ = ["Figures", "write_figures"]
