"""A terminal shows the text of a user's data, and never obeys it."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest
import regex

from bt_augment.errors import printable

CLI = Path(__file__).resolve().parents[2] / "bt_augment" / "cli"

RED, TITLE, BELL, C1, DELETE = "\x1b[31m", "\x1b]0;owned\x07", "\x07", "\x9b2J", "\x7f"
TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
EVIL = RED + TITLE + BELL + C1 + DELETE + "\u202e\u2066\u200f"  # words too long for a line are cut
OBEYED = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{TURNING}]")


@pytest.fixture(scope="module")
def evil(tmp_path_factory, make_run, english):
    """Return a run whose every text would do something to a terminal."""
    folder = tmp_path_factory.mktemp("evil")
    pairs = folder / f"pairs{RED}.jsonl"
    row = english[0]
    texts = {
        "id": f"one{EVIL}", "title": f"title{EVIL}", "question": f"{EVIL} {row['question']}",
        "passage": f"{row['passage']} {EVIL}", "answers": [f"lamp{EVIL}"],
    }  # fmt: skip
    pairs.write_text(json.dumps(texts) + "\n" + json.dumps({"question": f"{EVIL}?"}) + "\n")
    run = folder / f"run{RED}"
    make_run(run, pairs, routes=("en:pt:en", "en:pt"))
    return pairs, run


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "{run}", "--full"),
        ("inspect", "{run}", "--rejected", "--diff", "--full"),
        ("inspect", "{run}", "--reason", RED),
        ("verify", "{run}"),
        ("generate", "{pairs}", "--route", "en:pt", "--out", "{new}"),
        ("generate", "{pairs}", "--route", f"en:{RED}", "--out", "{new}"),
        ("generate", "{pairs}", f"--nosuch{RED}", "--out", "{new}"),
        ("filter", "{run}", "--out", "{new}"),
        ("export", "{run}", "--format", "squad", "--out", "{new}"),
        ("lexicon", "{run}", "--languages", "en:pt", "--min-count", "1", "--out", "{new}"),
    ],
)
def test_a_command_prints_nothing_that_a_terminal_obeys(command, evil, tmp_path, arguments):
    pairs, run = evil
    new = tmp_path / f"new{RED}"
    done = command(*(text.format(pairs=pairs, run=run, new=new) for text in arguments))
    assert done.code in {0, 2}, done.err
    assert "Traceback" not in done.err
    assert not OBEYED.findall(done.out + done.err)


def test_inspect_shows_control_characters_as_escapes(command, evil):
    shown = "".join(
        command("inspect", evil[1], *which, "--full").out for which in ((), ("--rejected",))
    )
    for text in (r"\x1b[31m", r"\x1b]0;owned\x07", r"\x9b2J", r"\x7f", r"\u202e\u2066\u200f"):
        assert text in shown


def test_every_mark_that_turns_text_around_is_written_out():
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert regex.findall(r"\p{Bidi_Control}", every) == list(TURNING)
    assert printable(TURNING) == TURNING.encode("ascii", "backslashreplace").decode()
    assert printable("می\u200cخواهم, שלום") == "می\u200cخواهم, שלום"  # letters, and what joins them


def test_a_long_message_is_looked_through_at_once(in_time):
    from bt_augment.cli.secrets import Secrets

    for piece in ("a:/", "a://b", "?a_token"):
        message = "@" + piece * 30_000
        assert Secrets({}).redacted(message) == message


LOGGING = """
import logging
import bt_augment.cli.app as commands
from bt_augment.cli.main import main
def app(**_):
    logging.getLogger("a.library").warning("skips %s", "pairs\x1b[31m.jsonl")
commands.app = app
main()
"""


def test_a_log_line_gives_no_orders(command):
    done = command(program=LOGGING)
    assert done.code == 0, done.err
    assert r"skips pairs\x1b[31m.jsonl" in done.err


LIBRARIES = """
import logging, warnings
import bt_augment.cli.app as commands
from bt_augment.cli.main import main
def app(**_):
    from datasets.utils.logging import get_logger as of_datasets
    from huggingface_hub.utils.logging import get_logger as of_the_hub
    from transformers.utils.logging import get_logger as of_transformers
    for logger in (of_datasets("datasets.a"), of_the_hub("huggingface_hub.a"),
                   of_transformers("transformers.a")):
        logger.error("%s knows %s", logger.name, "canary-0123456789\x1b[31m")
    try:
        raise ValueError("canary-0123456789\x1b[31m")
    except ValueError:
        of_transformers("transformers.a").exception("failed")
    warnings.warn("of a canary-0123456789\x1b[31m")
commands.app = app
main()
"""


def test_no_library_that_writes_its_own_log_lines_gives_orders_or_tells_a_token(
    command, environment, monkeypatch
):
    monkeypatch.setitem(environment, "HF_TOKEN", "canary-0123456789")
    done = command(program=LIBRARIES)
    assert done.code == 0, done.err
    assert not OBEYED.findall(done.err)
    assert "canary" not in done.err
    for name in ("datasets.a", "huggingface_hub.a", "transformers.a"):
        assert rf"{name} knows [token]\x1b[31m" in done.err
    assert r"ValueError: [token]\x1b[31m" in done.err
    assert r"UserWarning: of a [token]\x1b[31m" in done.err


def test_json_holds_the_text_as_it_is_and_prints_it_harmless(command, evil):
    done = [command("inspect", evil[1], *which, "--json") for which in ((), ("--rejected",))]
    assert not any(OBEYED.findall(one.out) for one in done)
    assert {row["row"]["source_id"] for one in done for row in one.json} == {f"one{EVIL}"}


def test_the_command_line_prints_by_one_way_only():
    printing = {"echo", "secho", "print", "echo_via_pager"}
    for path in CLI.glob("*.py"):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "click":
                marked = path.name == "doctor.py" and node.attr == "secho"  # of two words
                assert marked or node.attr not in printing, path
