"""Scores of made pairs, and the verdict."""
