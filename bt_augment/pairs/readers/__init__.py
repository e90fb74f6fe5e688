"""Readers: question-answer pairs from files, folders and hub data sets.

:func:`read` yields every record exactly once, as a :class:`Record`, a :class:`Quarantined` one
or a :class:`LeftOut` question, so that the books of a run can be balanced.
"""

from bt_augment.pairs.readers.base import (
    Answer,
    InputSettings,
    LeftOut,
    Place,
    Quarantined,
    Record,
)
from bt_augment.pairs.readers.detect import FORMATS
from bt_augment.pairs.readers.fingerprint import fingerprint
from bt_augment.pairs.readers.reading import Item, Tally, read

__all__ = [
    "FORMATS",
    "Answer",
    "InputSettings",
    "Item",
    "LeftOut",
    "Place",
    "Quarantined",
    "Record",
    "Tally",
    "fingerprint",
    "read",
]
