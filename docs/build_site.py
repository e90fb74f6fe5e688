"""Build the documentation site, or serve it while pages are written.

    python docs/build_site.py           # into site/; a broken link or anchor is an error
    python docs/build_site.py --serve   # a preview on http://localhost:8000

Zensical reads one folder. So the pages of docs/ and those that lie elsewhere in the repository are
put side by side into build/docs-site/docs, with their links made to fit, and built there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
WORK = ROOT / "build" / "docs-site"
CONFIG = "zensical.toml"

# Pages that lie elsewhere, and what they are called on the site.
ELSEWHERE = {
    ROOT / "CHANGELOG.md": "changelog.md",
    ROOT / "CONTRIBUTING.md": "contributing.md",
    ROOT / "data" / "README.md": "sample-data.md",
    ROOT / "bt_augment" / "translation" / "bundled" / "README.md": "bundled-models.md",
}
HOME = {ROOT / "README.md": "index.md"}  # where links to the README lead; it is no page itself

_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
_MARK = re.compile(r"^<!-- (?:generated: [\w-]+|end) -->$", re.MULTILINE)
_OUTSIDE = re.compile(r"[a-z]+:")


@click.command()
@click.option("--serve", is_flag=True, help="Serve a preview, and follow what is written.")
def main(serve: bool) -> None:
    """Build the documentation site into site/, or serve it."""
    if serve:
        _serve()
    build(WORK, ROOT / "site")


def build(work: Path, site: Path, docs: Path = DOCS) -> None:
    """Build the site.

    Args:
        work: folder for what is made on the way.
        site: folder of the site; replaced.
        docs: folder of the pages and their configuration.

    Raises:
        ClickException: a link leads nowhere, or to a file that is no page.
    """
    shutil.rmtree(work, ignore_errors=True)
    stage(work, docs)
    done = subprocess.run(_zensical("build", "--clean", "--strict"), cwd=work, env=_environment())
    if done.returncode:
        raise click.ClickException("the site was not built; see above")
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(work / "site", site)


def stage(work: Path, docs: Path = DOCS) -> None:
    """Put the configuration and all pages where Zensical looks for them."""
    places = pages(docs)
    _write(work / CONFIG, (docs / CONFIG).read_bytes())
    for asset in (docs / "assets").glob("*"):
        _write(work / "docs" / "assets" / asset.name, asset.read_bytes())
    for source, name in places.items():
        _write(work / "docs" / name, fitted(source, places | HOME).encode())


def pages(docs: Path = DOCS) -> dict[Path, str]:
    """Return every page with its name on the site; with docs/ come those that lie elsewhere."""
    own = {page: page.name for page in sorted(docs.glob("*.md"))}
    return own | ELSEWHERE if docs == DOCS else own


def fitted(source: Path, places: Mapping[Path, str]) -> str:
    """Return a page as the site has it: links to other pages by their names there.

    Raises:
        ClickException: a link leads to a file that is no page of the site.
    """

    def renamed(link: re.Match[str]) -> str:
        if _OUTSIDE.match(link[1]):
            return link[0]
        target = (source.parent / link[1]).resolve()
        if target not in places:
            raise click.ClickException(f"{source}: {link[1]} is no page of the site")
        return f"]({places[target]}{link[2] or ''})"

    text = _MARK.sub("", source.read_text(encoding="utf-8"))
    parts = _CODE.split(text)
    parts[::2] = [_LINK.sub(renamed, part) for part in parts[::2]]
    return "".join(parts)


def _write(path: Path, content: bytes) -> None:
    """Write a file, unless it is so already: the preview builds anew when one is touched."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _serve() -> None:
    stage(WORK)
    server = subprocess.Popen(_zensical("serve"), cwd=WORK, env=_environment())
    try:
        while server.poll() is None:
            time.sleep(1)
            stage(WORK)
    except KeyboardInterrupt:
        server.terminate()
    sys.exit(server.wait())


def _zensical(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "zensical", *arguments]


def _environment() -> dict[str, str]:
    """Return the environment in which the extensions of docs/ and the package are found."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(DOCS), str(ROOT)])}


if __name__ == "__main__":
    main()
