"""Docstrings name things as Sphinx does, ``:func:`load_recipe```; the site shows them as code."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod|obj):`~?([^`]+)`")
_CODE = re.compile(r"``([^`\n]+)``")


class SphinxRoles(griffe.Extension):
    """Rewrites docstrings as they are loaded."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Replace the roles in an object's docstring."""
        if obj.docstring is not None:
            plain = _ROLE.sub(r"`\1`", obj.docstring.value)
            obj.docstring.value = _CODE.sub(r"`\1`", plain)
