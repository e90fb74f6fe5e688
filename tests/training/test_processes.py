"""Training in processes of its own: killed and resumed, on two ranks, by the command line."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from training_rows import a_row

from bt_augment.training.examples import training_pairs
from bt_augment.training.hybrid_batches import BatchMix, HybridBatchSampler
from bt_augment.training.settings import TrainingSettings
from bt_augment.training.trainer import train


@pytest.fixture
def aligned(run_of):
    """Return a run of 30 pairs in English, its round trip and Portuguese."""
    rows = [
        row
        for i in range(30)
        for row in (
            a_row(str(i), "en"),
            a_row(str(i), "en", "round_trip"),
            a_row(str(i), "pt", "translation"),
        )
    ]
    return run_of(rows)


# What torchrun does for each rank, but for importing torch once more for itself.
RANK = """
import os, runpy, sys
os.environ.update(RANK="{rank}", LOCAL_RANK="{rank}", WORLD_SIZE="2", LOCAL_WORLD_SIZE="2",
                  MASTER_ADDR="127.0.0.1", MASTER_PORT="{port}")
runpy.run_path({script!r}, run_name="__main__")
"""


def test_two_ranks_train_on_one_kind_per_step(learning_command, aligned, xlmr, tmp_path):
    # Given a script on plain sentence-transformers, started on two ranks
    script = str(Path(__file__).with_name("two_ranks.py"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ranks = [
        learning_command.start(
            aligned, xlmr / "tokenizer.json", tmp_path,
            program=RANK.format(rank=rank, port=port, script=script),
        )
        for rank in (0, 1)
    ]  # fmt: skip
    try:
        said = [rank.communicate(timeout=300)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], said

    # Then both saw the same kind in every step, and no group twice in it
    ranks = [json.loads((tmp_path / f"rank-{r}.json").read_text()) for r in (0, 1)]
    kinds = []
    for one, other in zip(*ranks, strict=True):
        pairs = [*one, *other]
        assert len({question[0] for question, _ in pairs}) == 10
        crossed = {question[1] != passage[1] for question, passage in pairs}
        assert len(crossed) == 1
        if crossed == {False}:
            assert len({question[1] for question, _ in pairs}) == 1
        kinds.append("cross-lingual" if True in crossed else "monolingual")
    assert len(set(kinds)) == 2

    # And it is the sampler's sequence: rank r has the batches r, r + 2, ...
    pairs = training_pairs([aligned])
    mix = BatchMix(alpha=0.5, augmented_share=0.5)
    sampler = HybridBatchSampler(pairs, 5, seed=7, mix=mix, steps=12, world_size=2)
    assert sampler.kinds == kinds
    for number, batch in enumerate(sampler):
        given = {tuple(question) for question, _ in ranks[number % 2][number // 2]}
        texts = [pairs[i]["question"].removeprefix("question ").split(".")[:2] for i in batch]
        assert given == {tuple(text) for text in texts}


@pytest.mark.slow
def test_the_command_trains_on_two_ranks(environment, aligned, xlmr, tmp_path):
    out = tmp_path / "model"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        str(Path(sys.executable).with_name("bt-augment")), "train", str(aligned), "--base-model",
        str(xlmr), "--batch-size", "5", "--steps", "12", "--save-steps", "5", "--max-length", "16",
        "--device", "cpu", "--out", str(out),
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**environment, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("12 steps: ") == 1  # one rank speaks
    manifest = json.loads((out / "training_manifest.json").read_text())
    drawn = manifest["drawn"]
    assert drawn["monolingual_steps"] + drawn["cross_lingual_steps"] == 12
    assert drawn["made_share"] == 0.5
    assert SentenceTransformer(str(out), device="cpu").encode(["a"]).shape == (1, 32)


def test_a_killed_training_resumes_to_the_same_weights(learning_command, aligned, xlmr, tmp_path):
    # Given a training with dropout, and one of the same settings that nothing disturbed
    arguments = [
        "train", aligned, "--base-model", xlmr, "--batch-size", 6, "--mini-batch-size", 3,
        "--steps", 24, "--save-steps", 4, "--lr", "1e-3", "--max-length", 16, "--device", "cpu",
    ]  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    torch.set_num_threads(1)
    settings = TrainingSettings(
        str(xlmr), batch_size=6, mini_batch_size=3, steps=24, learning_rate=1e-3, max_length=16,
        device="cpu",
    )  # fmt: skip
    train([aligned], whole, settings)

    # When it is killed after a checkpoint, and resumed
    process = learning_command.start(*arguments, "--out", killed, "-q")
    mark = killed / "training" / "checkpoint-8" / "complete"
    deadline = time.monotonic() + 200
    while not mark.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (killed / "training_manifest.json").exists()
    resumed = learning_command(*arguments, "--out", killed, "--resume", "--json")

    # Then it went on from there, and ends with the same weights
    assert resumed.code == 0, resumed.err
    assert resumed.json["resumed_at"] >= 8
    one, other = (load_file(folder / "model.safetensors") for folder in (whole, killed))
    assert one.keys() == other.keys()
    assert all((one[name] == other[name]).all() for name in one)


def test_the_command_trains_and_says_what_it_did(learning_command, aligned, xlmr, tmp_path):
    out = tmp_path / "model"
    done = learning_command(
        "train", aligned, "--base-model", f"static:{xlmr}", "--batch-size", 6, "--steps", 12,
        "--methods", "native, translation", "--augmented-share", "any", "--out", out,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "12 steps: " in done.out
    assert "native, " in done.out
    assert "round trip" not in done.out
    assert f'SentenceTransformer("{out}")' in done.out
    assert "train: 72 of 72 rows" in done.err
    stored = json.loads((out / "training_manifest.json").read_text())
    assert stored["settings"]["augmented_share"] is None
    assert stored["settings"]["methods"] == ["native", "translation"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{run}", "--out", "{out}"), "--base-model"),
        (("{run}", "--base-model", "static:bundled"), "--out"),
        (("{run}", "--base-model", "static:bundled", "--out", "{out}", "--alpha", "2"), "--alpha"),
        (
            ("{run}", "--base-model", "static:bundled", "--out", "{out}", "--methods", "natve"),
            "did you mean 'native'",
        ),
        (
            ("{run}", "--base-model", "static:bundled", "--out", "{out}", "--augmented-share", "x"),
            "neither a share",
        ),
        (
            ("{run}", "--base-model", "static:bundled", "--out", "{out}", "--methods", ""),
            "methods names nothing to train on",
        ),
        (("{out}", "--base-model", "static:bundled", "--out", "{out}2"), "there is no such folder"),
        (("{run}", "--base-model", "bundled:mini", "--out", "{out}"), "static:bundled"),
    ],
)
def test_a_users_error_is_one_message(learning_command, aligned, tmp_path, arguments, said):
    names = {"run": aligned, "out": tmp_path / "out"}
    done = learning_command("train", *(argument.format(**names) for argument in arguments))
    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err
