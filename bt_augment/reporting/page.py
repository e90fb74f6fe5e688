"""One HTML file with everything in it: no request leaves the page, and no data becomes markup.

Text from the data goes through Jinja's autoescape; what scripts read is JSON without a character
that HTML knows. The page's own policy forbids every connection and every script and style but
its own, by their hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_augment.errors import MissingDependencyError
from bt_augment.shards.atomic import write_atomically

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_HERE = files("bt_augment.reporting")
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_STYLES = ("page.css", "heat.css")
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        out: the file.
        bytes: its size.
        counts: what is in it, by name.
    """

    out: Path
    bytes: int
    counts: dict[str, int]


def check_jinja() -> None:
    """Say which package is missing, before any work.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    if find_spec("jinja2") is None:
        raise MissingDependencyError("jinja2", "report", "writing a report")


def write_page(
    path: Path, template: str, context: Mapping[str, Any], scripts: Sequence[str]
) -> int:
    """Write a page and return its size in bytes.

    Args:
        path: the file.
        template: its name in ``templates/``.
        context: what the template shows.
        scripts: names of files in ``assets/``, in order; run together when the page is parsed.

    Raises:
        StorageError: the disk refused.
    """
    from markupsafe import Markup

    style = "".join(map(_asset, _STYLES))
    script = "".join(["(() => {\n'use strict';\n", *map(_asset, scripts), "})();\n"])
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    text = _environment().get_template(template).render(
        **context,
        policy=policy,
        style=Markup(style),  # noqa: S704 - a file of this package
        script=Markup(script),  # noqa: S704 - files of this package
    )  # fmt: skip
    # HTML drops a NUL, and UTF-8 has no lone surrogate: both are shown as what they are, unknown.
    data = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text).encode()
    write_atomically(path, data)
    return len(data)


def json_block(content: Any) -> Any:
    """Return JSON that may stand in a ``<script type="application/json">``, as markup."""
    from markupsafe import Markup

    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.translate(_ESCAPES))  # noqa: S704 - every < > & is escaped


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bt_augment.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["signed"] = lambda value, form: (form % value).replace("-", "−")
    environment.filters["share"] = lambda part, whole: f"{part / whole:.0%}" if whole else "–"
    return environment


def _breakable(name: str) -> Markup:
    """Return a name that a narrow column breaks between its words."""
    from markupsafe import Markup, escape

    return Markup(re.sub("([._])", r"\1<wbr>", str(escape(name))))  # noqa: S704 - escaped


def _asset(name: str) -> str:
    return (_HERE / "assets" / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
