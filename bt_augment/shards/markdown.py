"""Text from data in a Markdown page, so that it can neither mark up nor break the page."""

from __future__ import annotations

import re
import unicodedata

# What CommonMark and its table and math extensions give a meaning to inside a line. A character
# reference is text to them, never mark-up (CommonMark 0.31.2, section 2.5).
_MARKUP = re.compile(r"[\\`*_{}\[\]<>()#!|~&$@:\"'=]")
_HARMFUL = re.compile(r"[`<|]|\]\(")
_FENCE = re.compile(r"`+")
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def inline(text: str) -> str:
    """Return ``text`` as one line that shows as it is in a paragraph or a table cell."""
    line = _MARKUP.sub(lambda m: _NAMED.get(m[0], f"&#{ord(m[0])};"), one_line(text))
    return re.sub(r"(?i)\bwww\.", lambda m: m[0][:-1] + "&#46;", line)  # else made a link


def code(text: str) -> str:
    """Return ``text`` as an inline code span that may stand in a table cell."""
    line = one_line(text)
    if re.fullmatch(r"[\w .,:;/@+=<>%()\[\]-]*\w[\w .,:;/@+=<>%()\[\]-]*", line):
        return f"`{line}`"
    return inline(text)  # a bar or a backtick: no quoting of code spans is safe in a table


def span(text: str) -> str:
    """Return ``text`` as an inline code span outside of tables."""
    return f"`{text}`" if text.isprintable() and "`" not in text else inline(text)


def harmless(text: str) -> str:
    """Return ``text`` as it is, unless it could end its line or cell, or be a tag or a link."""
    return text if text.isprintable() and not _HARMFUL.search(text) else inline(text)


def one_line(text: str) -> str:
    r"""Return ``text`` with white space as single spaces and what has no glyph as ``\uXXXX``.

    Control characters could end a line for some parsers, and direction marks could reorder what
    stands around the text.
    """
    line = " ".join(text.split())
    return "".join(_visible(character) for character in line)


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn")
    # Joiners are part of the spelling of Persian, Indic scripts and emoji.
    if not hidden or character in "\u200c\u200d":
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def fenced(lines: list[str], language: str = "text") -> list[str]:
    """Return lines of a code block that no line of it can end."""
    longest = max((len(run) for line in lines for run in _FENCE.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def shortened(text: str, width: int = 320) -> str:
    """Return at most ``width`` characters of ``text``, as one line."""
    line = one_line(text)
    return line if len(line) <= width else f"{line[: width - 1]}…"
