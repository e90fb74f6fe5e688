"""Formulas in ``$…$`` and ``$$…$$`` as MathML, which browsers draw without a script.

GitHub draws the same source; the names are LaTeX's.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

# No white space inside the marks, so that prose may hold an amount in dollars.
_INLINE = r"(?<![\\$\w])\$(?=\S)([^$\n]+?)(?<=\S)\$(?![\w$])"
_BLOCK = re.compile(r"\$\$\n?(.+?)\n?\$\$", re.DOTALL)
_AFTER_CODE = 185  # below the priority of `code` (190), above that of backslashes (180)


class _Inline(InlineProcessor):
    def handleMatch(  # noqa: N802 (the name is Markdown's)
        self,
        m: re.Match[str],
        data: str,  # noqa: ARG002
    ) -> tuple[str, int, int]:
        return self.md.htmlStash.store(convert(m[1])), m.start(0), m.end(0)


class _Block(BlockProcessor):
    def test(self, parent: Element, block: str) -> bool:  # noqa: ARG002
        return _BLOCK.fullmatch(block.strip()) is not None

    def run(self, parent: Element, blocks: list[str]) -> None:
        formula = _BLOCK.fullmatch(blocks.pop(0).strip())
        if formula is not None:
            made = convert(formula[1], display="block")
            parent.append(Element("p"))
            parent[-1].text = self.parser.md.htmlStash.store(made)


class MathML(Extension):
    """The extension that Markdown loads."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the name is Markdown's)
        """Add both kinds of formula."""
        md.inlinePatterns.register(_Inline(_INLINE, md), "mathml", _AFTER_CODE)
        md.parser.blockprocessors.register(_Block(md.parser), "mathml", 105)


def makeExtension(**settings: Any) -> MathML:  # noqa: N802 (the name is Markdown's)
    """Return the extension."""
    return MathML(**settings)
