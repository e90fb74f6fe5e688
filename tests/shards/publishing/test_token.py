"""A token is in no log, card, run.json or message, even where a server repeats it."""

import re
from pathlib import Path

import pytest

from bt_augment.cli.secrets import Secrets

from .conftest import REPO, TOKEN
from .hub import serving
from .hub_state import Fault

SECURITY = Path(__file__).resolve().parents[3] / "docs" / "security.md"
COMMANDS = ("generate", "publish", "train", "evaluate")


@pytest.fixture(scope="module")
def server():
    with serving(TOKEN) as hub:
        yield hub


@pytest.fixture(params=["HF_TOKEN", "a login"])
def user(request, server, environment, tmp_path, monkeypatch):
    """Give the environment of a user who has a token, one way or the other."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"):
        monkeypatch.delitem(environment, name, raising=False)
    monkeypatch.setitem(environment, "HF_ENDPOINT", server.url)
    monkeypatch.setitem(environment, "HF_HOME", str(home))
    monkeypatch.setitem(environment, "HF_HUB_DISABLE_XET", "1")
    if request.param == "HF_TOKEN":
        monkeypatch.setitem(environment, "HF_TOKEN", TOKEN)
    else:
        (home / "token").write_text(TOKEN)
    server.repos.clear()
    server.faults.clear()
    return environment


def nowhere(outcome, *folders):
    """Check that the token was neither printed nor written."""
    assert TOKEN not in outcome.out + outcome.err
    for folder in folders:
        for path in folder.rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


def echo(server):
    """Let the server repeat the token in whatever it answers."""
    said = f"no right for Bearer {TOKEN}"
    headers = {"X-Error-Message": said, "Content-Type": "application/json"}
    server.faults = [
        Fault(method, "/", times=10_000, status=403, body={"error": said}, headers=headers)
        for method in ("GET", "HEAD", "POST", "PUT")
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_that_repeats_the_token_is_not_quoted(
    server, user, finished, command, english, write_rows, tmp_path, name
):
    echo(server)
    out = tmp_path / "out"
    arguments = {
        "generate": ["hub:me/questions", "--route", "en:pt", "--out", out],
        "publish": [finished, REPO],
        "train": [finished, "--base-model", "me/encoder", "--out", out, "--device", "cpu"],
        "evaluate": ["me/encoder", "--benchmark", "beir", "--data", finished,
                     "--out", out / "r.json"],
    }  # fmt: skip
    done = command(name, *arguments[name], "-vv")
    assert done.code == 2, done.err  # a traceback of a library's at this level of detail is its own
    nowhere(done, *(folder for folder in (out,) if folder.exists()))


def test_a_run_made_with_a_token_at_hand_holds_none(user, command, english, write_rows, tmp_path):
    out, dry = tmp_path / "run", tmp_path / "dry"
    done = command("generate", write_rows(english[:2]), "--route", "en:pt", "--out", out, "-vv")
    assert done.code == 0, done.err
    nowhere(done, out)
    assert "run.json" in {path.name for path in out.iterdir()}
    made = command("publish", out, REPO, "--dry-run", dry, "-vv")
    nowhere(made, *(folder for folder in (dry,) if folder.exists()))


@pytest.mark.parametrize(
    "secret", ["HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
)
def test_the_command_line_hides_what_any_message_repeats(environment, monkeypatch, command, secret):
    canary = "canary-0123456789abcdef"
    monkeypatch.setitem(environment, secret, canary)
    done = command("generate", f"no-such-{canary}.json", "--route", "en:pt", "--out", "x")
    assert done.code == 2
    assert canary not in done.out + done.err
    assert "no-such-[token].json" in done.err


def test_all_variables_that_the_security_page_names_are_hidden():
    (line,) = (x for x in SECURITY.read_text().splitlines() if x.startswith("Tokens that are hid"))
    names = re.findall(r"`([A-Z_]+)`", line)
    assert len(names) == 6
    for name in names:
        secrets = Secrets({name: "canary-0123456789abcdef", "HF_TOKEN_PATH": "no-such"})
        assert secrets.redacted("by canary-0123456789abcdef") == "by [token]", name


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "run", "{}"],
        ["--{}"],
        ["generate", "in.json", "--workers", "{}"],
        ["publish", "run", REPO, "--source-license", "{}"],
    ],
)
def test_a_token_in_the_wrong_place_of_a_command_is_not_repeated(
    environment, monkeypatch, command, arguments
):
    canary = "canary-0123456789abcdef"
    monkeypatch.setitem(environment, "HF_TOKEN", canary)
    done = command(*(argument.format(canary) for argument in arguments))
    assert done.code == 2
    assert canary not in done.out + done.err
    assert "[token]" in done.err


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://me:geheim@host/a.json", "https://***@host/a.json"),
        ("https:/me:geheim@host/a.json", "https:/***@host/a.json"),
        ("s3://KEY:ge/heim+@bucket/a", "s3://***@bucket/a"),
        ("http://geheim@proxy:3128", "http://***@proxy:3128"),
        ("('ray://me:geheim@10.0.0.1')", "('ray://***@10.0.0.1')"),
        ("file:///tmp/a@b", "file:///tmp/a@b"),
        ("hf://datasets/me/qa@v1/run", "hf://datasets/me/qa@v1/run"),
        ("https://me:ge@heim@host/a@b", "https://***@host/a@b"),
        ("https://host:80/a@b, c@d", "https://host:80/a@b, c@d"),
        ("https://host/a?v=1&access_token=geheim&x=2", "https://host/a?v=1&access_token=***&x=2"),
        ("'https://b.s3/a?X-Amz-Signature=ge/heim'", "'https://b.s3/a?X-Amz-Signature=***'"),
        ("https://host/a?monkey=1&keys=2", "https://host/a?monkey=1&keys=2"),
    ],
)
def test_credentials_in_an_address_are_hidden(given, shown):
    assert Secrets({"HF_TOKEN_PATH": "no-such"}).redacted(f"error: {given}") == f"error: {shown}"


BUG = """
import logging, sys
import bt_augment.cli.app as commands
from bt_augment.cli.main import main
def app(**_):
    logging.getLogger("a.library").warning("header: %s", "Bearer {canary}")
    try:
        raise KeyError("{canary}")
    except KeyError:
        logging.getLogger("a.library").exception("failed")
    raise RuntimeError("a bug near {canary}")
commands.app = app
main()
"""


def test_a_bugs_traceback_and_a_librarys_log_hide_it_too(environment, monkeypatch, command):
    canary = "canary-0123456789abcdef"
    monkeypatch.setitem(environment, "HF_TOKEN", canary)
    done = command(program=BUG.replace("{canary}", canary))
    assert done.code == 1
    assert "RuntimeError: a bug near [token]" in done.err
    assert "header: Bearer [token]" in done.err
    assert len(re.findall(r"Traceback", done.err)) == 2
    assert canary not in done.out + done.err


def test_what_is_no_token_is_left_alone(environment, monkeypatch, command, tmp_path):
    monkeypatch.setitem(environment, "HF_TOKEN", "no")
    done = command("verify", tmp_path)
    assert "is not a run folder" in done.err
    assert "[token]" not in done.err
