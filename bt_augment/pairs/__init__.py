"""The row, its readers, and what belongs to a pair before any translation."""
