"""A Hub on loopback, and contents to publish to it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from bt_augment.generation import refilter
from bt_augment.generation.refiltering import stored_recipe
from bt_augment.shards.publishing.contents import Contents, Terms, write_contents
from bt_augment.shards.publishing.upload import Target, Uploaded, upload

from .hub import serving
from .hub_state import Hub

TOKEN = "hf_canaryCANARYcanaryCANARY"
REPO = "me/qa"

# Questions and passages that would end a code block, a table or the YAML head, or run in a browser.
HOSTILE = [
    "What does ```` ``` ```` end?\n```\n# Not a heading\n<script>alert(1)</script>",
    "Who | wrote | ---\n---\nlicense: mit\n---\n<img src=x onerror=alert(2)> [a](javascript:b)",
    "Which \u202emark\u202c turns text around, {{ and }} or $x$ or &lt;b&gt; or ~~~ or `code`?",
    "- who\n- said\n1. that | in 1999? @everyone https://example.org/?q=<b>",
]


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory, make_run) -> Path:
    """Return a run over text, and from a file name, that try to break the card."""
    folder = tmp_path_factory.mktemp("hostile")
    source = folder / "a|b`c` <i>&$ name.jsonl"
    rows = [
        {"id": f"r{n}", "question": text, "passage": f"{text} The river is long. It ends here."}
        for n, text in enumerate(HOSTILE)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = folder / "en-pt.|`x.txt"
    words.write_text("river rio\nlong longo\nwho quem\nhere aqui\n", encoding="utf-8")
    switched = f"code_switch.lexicons={json.dumps([str(words)])}"
    make_run(folder / "run", source, switched, routes=("en:pt:en", "en:pt"))
    return folder / "run"


@pytest.fixture(scope="session")
def stricter(finished, tmp_path_factory) -> Path:
    """Return the finished run with every round trip rejected."""
    out = tmp_path_factory.mktemp("stricter") / "run"
    wanted = ["filters.fidelity.chrf.min=100", "filters.fidelity.chrf.max=null"]
    refilter(finished, out, stored_recipe(finished, None, wanted))
    return out


@pytest.fixture(scope="session")
def contents(finished, tmp_path_factory) -> Contents:
    return write_contents(finished, Terms(REPO), tmp_path_factory.mktemp("contents"))


@pytest.fixture(scope="session")
def fewer(stricter, tmp_path_factory) -> Contents:
    """Return contents with fewer files, of which some are as before."""
    return write_contents(stricter, Terms(REPO), tmp_path_factory.mktemp("fewer"))


@pytest.fixture
def naps(monkeypatch) -> list[float]:
    """Return the seconds that anybody wanted to sleep; nobody does."""
    taken: list[float] = []
    monkeypatch.setattr("time.sleep", taken.append)
    return taken


@pytest.fixture
def hub(monkeypatch, tmp_path, naps) -> Iterator[Hub]:
    """Return a server that this process takes for the Hub."""
    with serving(TOKEN) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        close_session()
        yield server
        close_session()


@pytest.fixture
def send(naps) -> Callable[..., Uploaded]:
    """Upload contents to the repository of the tests."""

    def act(contents: Contents, **settings) -> Uploaded:
        return upload(contents, replace(Target(REPO), **settings), sleep=naps.append)

    return act
