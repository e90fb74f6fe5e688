"""How figures look: colours that the colour-blind tell apart, text that prints, stable files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_augment.errors import MissingDependencyError
from bt_augment.shards.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "pdf")

# Okabe and Ito's palette, without its yellow, which paper does not show.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":")

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # an arm may be called what it likes, dollars too
    "pdf.fonttype": 42,  # text in a PDF stays text
    "svg.hashsalt": "bt-augment",  # the same results give the same bytes
}
# Dates would make the bytes differ.
_METADATA = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}}


@contextmanager
def styled() -> Iterator[None]:
    """Draw within this context.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MissingDependencyError("matplotlib", "report", "drawing figures")
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()  # the user's own style would change what the figures say
        parameters: Any = mpl.rcParams
        parameters.update(_SETTINGS)
        yield


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as SVG and PDF and return the files.

    Raises:
        StorageError: the disk refused.
    """
    paths = []
    for form in FORMATS:
        buffer = io.BytesIO()
        metadata: dict[str, Any] = _METADATA[form]
        figure.savefig(buffer, format=form, metadata=metadata)
        path = folder / f"{name}.{form}"
        write_atomically(path, buffer.getvalue())
        paths.append(path)
    return paths
