"""The documentation site: built strictly, complete, and asking nothing of any other host."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
from browser import Page, start
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

import bt_augment

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

# What a browser fetches by itself: attributes by element. Links that a reader follows are not.
_FETCHED = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "embed": ("src",),
    "object": ("data",), "source": ("src", "srcset"), "video": ("src", "poster"),
    "audio": ("src",), "track": ("src",), "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"), "link": ("href",), "base": ("href",), "form": ("action",),
}  # fmt: skip
_NOT_FETCHED = {"canonical", "prev", "next", "alternate", "edit", "license"}  # kinds of <link>
_OUTSIDE = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
_CSS_URL = re.compile(r"""(?:@import\s+|url\()\s*["']?((?:https?:)?//[^"')\s]+)""")


class Fetched(HTMLParser):
    """Collects what a page makes a browser fetch, and the anchors it has."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids.add(values.get("id", ""))
        if tag == "link" and values.get("rel", "") in _NOT_FETCHED:
            return
        self.addresses += [values[name] for name in _FETCHED.get(tag, ()) if name in values]
        self.addresses += _CSS_URL.findall(values.get("style", ""))


def parsed(page: Path) -> Fetched:
    found = Fetched()
    found.feed(page.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_site", DOCS / "build_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site, built from the pages of the repository."""
    folder = tmp_path_factory.mktemp("docs")
    builder.build(folder / "work", folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def html(site: Path) -> dict[str, Fetched]:
    return {str(page.relative_to(site)): parsed(page) for page in sorted(site.rglob("*.html"))}


def nav_pages(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(value, str):
                yield value
            else:
                yield from nav_pages(value)


def test_every_page_is_in_the_navigation_once(builder: ModuleType) -> None:
    config = tomllib.loads((DOCS / "zensical.toml").read_text(encoding="utf-8"))
    listed = list(nav_pages(config["project"]["nav"]))
    assert sorted(listed) == sorted(set(builder.pages().values()))


def test_every_page_is_built(builder: ModuleType, html: dict[str, Fetched]) -> None:
    wanted = {name.replace(".md", ".html") for name in builder.pages().values()}
    assert wanted <= set(html)


def test_no_page_fetches_anything_from_another_host(html: dict[str, Fetched]) -> None:
    outside = {
        (name, address)
        for name, page in html.items()
        for address in page.addresses
        if _OUTSIDE.match(address)
    }
    assert len(html) > 20
    assert not outside


def test_no_style_fetches_anything_from_another_host(site: Path) -> None:
    styles = [*site.rglob("*.css"), *site.rglob("*.html")]
    found = {
        (style.name, address)
        for style in styles
        for address in _CSS_URL.findall(style.read_text(encoding="utf-8"))
    }
    assert len(styles) > 20
    assert not found


def test_what_a_page_fetches_is_there(site: Path, html: dict[str, Fetched]) -> None:
    for name, page in html.items():
        for address in page.addresses:
            path = urlsplit(address).path
            base = site if path.startswith("/") else (site / name).parent
            if path and not address.startswith("data:"):
                assert (base / path.lstrip("/")).exists(), f"{name}: {address}"


def test_the_search_index_holds_every_page(site: Path, builder: ModuleType) -> None:
    index = json.loads((site / "search.json").read_text(encoding="utf-8"))
    found = {item["location"].partition("#")[0] or "index.html" for item in index["items"]}
    assert {name.replace(".md", ".html") for name in builder.pages().values()} <= found


def test_formulas_are_mathml(site: Path) -> None:
    source = (DOCS / "measures.md").read_text(encoding="utf-8")
    page = (site / "measures.html").read_text(encoding="utf-8")
    assert page.count('display="block"') == source.count("\n$$\n") // 2 > 10
    assert "<mfrac>" in page
    assert not re.search(r"\\(?:frac|sum|mathrm)", page)


def test_every_public_name_is_documented(html: dict[str, Fetched]) -> None:
    missing = {
        name for name in bt_augment.__all__ if f"bt_augment.{name}" not in html["api.html"].ids
    }
    assert not missing


def test_every_command_has_an_anchor(html: dict[str, Fetched]) -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    commands = re.findall(r"^## (bt-augment .*)$", text, re.MULTILINE)
    assert len(commands) > 10
    assert {command.replace(" ", "-") for command in commands} <= html["cli.html"].ids


def test_a_link_that_leads_nowhere_is_an_error(builder: ModuleType, tmp_path: Path) -> None:
    # Given a small site
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "b.md").write_text("# B\n\n## Somewhere\n", encoding="utf-8")
    (docs / "zensical.toml").write_text(
        '[project]\nsite_name = "x"\nnav = ["index.md", "b.md"]\n', encoding="utf-8"
    )

    def build(link: str) -> None:
        (docs / "index.md").write_text(f"# A\n\n[there]({link})\n", encoding="utf-8")
        builder.build(tmp_path / "work", tmp_path / "site", docs)

    # When a link leads to no page, or to no anchor of one, then the site is not built
    with pytest.raises(click.ClickException, match=r"index\.md: missing\.md is no page"):
        build("missing.md")
    with pytest.raises(click.ClickException, match="not built"):
        build("b.md#nowhere")
    assert not (tmp_path / "site").exists()

    # And a link that leads somewhere is followed
    build("b.md#somewhere")
    assert (tmp_path / "site" / "index.html").exists()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    driver = start(tmp_path_factory.mktemp("browser"))
    yield Page(driver)
    driver.quit()


@pytest.mark.parametrize(
    ("width", "dark"), [(390, False), (1400, True)], ids=["phone-light", "desk-dark"]
)
def test_a_page_opens_from_the_disk(browser: Page, site: Path, width: int, dark: bool) -> None:
    for name in ("index", "measures", "api"):
        # When a page is opened
        browser.open(site / f"{name}.html", width=width, dark=dark)

        # Then it needs no other host, fits the screen, and takes the system's colours
        outside = [r for r in browser.requests() if not r.startswith(("file:", "data:", "about:"))]
        assert not outside
        assert not browser.console()
        assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
        scheme = browser.run("return document.body.dataset.mdColorScheme")
        assert scheme == ("slate" if dark else "default")


def test_search_finds_a_section(browser: Page, site: Path) -> None:
    # Given a page that was opened from the disk
    browser.open(site / "index.html", width=1400)

    # When a reader searches
    keys = ActionChains(browser.driver)
    keys.key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    field = WebDriverWait(browser.driver, 20).until(
        lambda driver: driver.execute_script(
            "const find = (root) => [...root.querySelectorAll('*')].map((e) =>"
            " e.matches('input[type=search], input[type=text]') ? e : e.shadowRoot &&"
            " find(e.shadowRoot)).find(Boolean); return find(document)"
        )
    )
    field.send_keys("rank distance")

    # Then the section that defines it is among what is found
    def found(driver: webdriver.Chrome) -> bool:
        links = driver.execute_script(
            "const all = (root) => [...root.querySelectorAll('*')].flatMap((e) =>"
            " [...(e.href ? [e.href] : []), ...(e.shadowRoot ? all(e.shadowRoot) : [])]);"
            "return all(document)"
        )
        return any("measures.html" in link and "#rank-distance" in link for link in links)

    WebDriverWait(browser.driver, 20).until(found)
