"""What is neither a file nor a folder: whoever opens a pipe waits for it."""

from __future__ import annotations

import stat
from pathlib import Path

SPECIAL = "is neither a file nor a folder (a pipe, a socket or a device)"


def is_special(path: Path) -> bool:
    """Tell whether a pipe, a socket or a device is there; no where nothing can be seen."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False  # whoever opens it says so
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
