"""What needs no network asks for none: each command in turn, with all addresses watched."""

import json

# Sockets of one machine's processes, and of a machine with itself, send nothing anywhere.
WATCHED = """
import sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1"):
            return
    elif event not in ("socket.getaddrinfo", "socket.gethostbyname"):
        return
    elif arguments[0] in ("127.0.0.1", "::1", "localhost"):
        return
    with open({attempts!r}, "a") as file:
        print(event, arguments, file=file)
    raise OSError("no network here")
sys.addaudithook(watch)
{then}
"""
COMMAND = "from bt_augment.cli.main import main; main()"
CONNECTS = """
import socket, urllib.request
for call in (lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
             lambda: urllib.request.urlopen("http://example.invalid/", timeout=1)):
    try:
        call()
    except OSError:
        pass
"""


def test_nothing_is_sent_anywhere_unless_it_is_asked_for(
    learning_command, english, finished, write_rows, tmp_path
):
    attempts = tmp_path / "attempts"

    def run(*arguments, then=COMMAND):
        done = learning_command(
            *arguments, program=WATCHED.format(attempts=str(attempts), then=then)
        )
        assert done.code == 0, done.err

    run(then=CONNECTS)
    assert len(attempts.read_text().splitlines()) == 2  # it is seen
    attempts.unlink()

    data = tmp_path / "data"
    (data / "qrels").mkdir(parents=True)
    for name, field in (("queries", "question"), ("corpus", "passage")):
        texts = [{"_id": str(n), "text": row[field]} for n, row in enumerate(english[:4])]
        (data / f"{name}.jsonl").write_text("".join(f"{json.dumps(text)}\n" for text in texts))
    (data / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n0\t0\t1\n1\t1\t1\n")
    made, model, scores = tmp_path / "made", tmp_path / "model", tmp_path / "scores.json"
    run("generate", write_rows(english[:2]), "--route", "en:pt", "--out", made)
    run("filter", made, "--out", tmp_path / "filtered")
    run("train", finished, "--base-model", "static:bundled", "--out", model, "--steps", "2",
        "--batch-size", "8", "--dimensions", "8", "--device", "cpu")  # fmt: skip
    run("evaluate", model, "--benchmark", "beir", "--data", data, "--out", scores)
    for shown in (made, scores):
        run("report", shown, "--out", tmp_path / f"{shown.name}.html")
    assert not attempts.exists(), attempts.read_text()
