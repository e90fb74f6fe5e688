"""Vectors on disk: found again, and whole after a kill at any byte."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment.errors import ModelError, StorageError
from bt_augment.evaluation import embedding_store
from bt_augment.evaluation.embedding_store import ABSENT, EmbeddingStore, keys_of
from bt_augment.evaluation.encoding import _Work
from bt_augment.progress import Silent

TEXTS = ["one", "two", "três", "四", ""]


def vectors_of(texts, size=3):
    return np.array([[len(t), i, 0.5] for i, t in enumerate(texts)], dtype=np.float32)[:, :size]


def filled(folder, texts=TEXTS):
    store = EmbeddingStore(folder)
    with store.writing():
        store.begin(3)
        store.append(keys_of("query", "p: ", texts), vectors_of(texts))
    return store


def test_vectors_are_found_by_kind_prompt_and_text(tmp_path):
    filled(tmp_path)
    store = EmbeddingStore(tmp_path)
    with store.writing():
        rows = store.rows(keys_of("query", "p: ", ["四", "new", "one"]))
        assert rows.tolist() == [3, ABSENT, 0]
        np.testing.assert_array_equal(store.vectors()[rows[0]], vectors_of(TEXTS)[3])
        assert (store.rows(keys_of("query", "q: ", TEXTS)) == ABSENT).all()
        assert (store.rows(keys_of("passage", "p: ", TEXTS)) == ABSENT).all()


def test_adding_to_a_large_store_does_not_sort_all_of_it_again(tmp_path, monkeypatch):
    sorted_keys = []

    def counting(keys, **kwargs):
        sorted_keys.append(len(keys))
        return argsort(keys, **kwargs)

    argsort = np.argsort
    monkeypatch.setattr(np, "argsort", counting)
    texts = [str(n) for n in range(512)]
    store = EmbeddingStore(tmp_path)
    with store.writing():
        store.begin(3)
        for start in range(0, 512, 8):
            keys = keys_of("query", "", texts[start : start + 8])
            assert (store.rows(keys) == ABSENT).all()
            store.append(keys, vectors_of(keys))
        assert store.rows(keys_of("query", "", texts)).tolist() == list(range(512))
    assert sum(sorted_keys) <= 512 * 8  # each as often as the store doubled, not 64 times


@pytest.mark.parametrize("name", ["vectors.f32", "sums.u32", "keys.u64"])
@pytest.mark.parametrize("cut", [1, 7, 16])
def test_a_write_that_was_cut_leaves_whole_vectors(tmp_path, name, cut):
    filled(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-cut])

    store = EmbeddingStore(tmp_path)
    with store.writing():
        rows = store.rows(keys_of("query", "p: ", TEXTS))
        kept = rows[rows != ABSENT]
        assert kept.tolist() == list(range(len(kept)))
        assert 0 < len(kept) < len(TEXTS)
        np.testing.assert_array_equal(store.vectors()[kept], vectors_of(TEXTS)[: len(kept)])
        # And what was lost can be written again.
        lost = [t for t, row in zip(TEXTS, rows, strict=True) if row == ABSENT]
        store.begin(3)
        store.append(keys_of("query", "p: ", lost), vectors_of(TEXTS)[len(kept) :])
        np.testing.assert_array_equal(
            store.vectors()[store.rows(keys_of("query", "p: ", TEXTS))], vectors_of(TEXTS)
        )


@pytest.mark.parametrize("name", ["vectors.f32", "sums.u32"])
@pytest.mark.parametrize("place", [0, 5, 19])
def test_a_vector_with_a_flipped_bit_is_encoded_again(tmp_path, name, place):
    filled(tmp_path)
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    damaged = place // (12 if name == "vectors.f32" else 4)

    store = EmbeddingStore(tmp_path)
    with store.writing():
        rows = store.rows(keys_of("query", "p: ", TEXTS))
        assert np.flatnonzero(rows == ABSENT).tolist() == [damaged]
        store.begin(3)
        store.append(
            keys_of("query", "p: ", [TEXTS[damaged]]), vectors_of(TEXTS)[damaged : damaged + 1]
        )
    for again in (store, EmbeddingStore(tmp_path)):
        with again.writing():
            found = again.vectors()[again.rows(keys_of("query", "p: ", TEXTS))]
        np.testing.assert_array_equal(found, vectors_of(TEXTS))


@pytest.mark.parametrize("noted", [b"", b"0", b"\xff3", None])
def test_a_damaged_length_of_vectors_is_named(tmp_path, noted):
    filled(tmp_path)
    path = tmp_path / "dimensions"
    path.unlink() if noted is None else path.write_bytes(noted)
    with pytest.raises(StorageError, match=r"dimensions: was removed or damaged.*remove"):
        filled(tmp_path)


def test_a_second_writer_waits_for_the_first_and_says_so(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(embedding_store, "_SILENT_SECONDS", 0.1)
    program = (
        "import sys, time; from pathlib import Path\n"
        "from bt_augment.evaluation.embedding_store import EmbeddingStore\n"
        "with EmbeddingStore(Path(sys.argv[1])).writing():\n"
        "    print('held', flush=True); time.sleep(1.5)\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout.readline() == "held\n"
        started = time.monotonic()
        filled(tmp_path)
        assert time.monotonic() - started > 0.5  # it waited for most of the first one's time
    assert "another process encodes with the same model; waiting" in caplog.text


def test_a_read_only_cache_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="part of the path is a file"):
        filled(tmp_path / "file" / "store")


@given(st.lists(st.text(max_size=4), max_size=30), st.text(max_size=3))
def test_keys_differ_exactly_where_texts_do(texts, prompt):
    keys = [tuple(key) for key in keys_of("query", prompt, texts)]
    assert len(set(keys)) == len(set(texts))


@pytest.mark.parametrize("name", ["keys.u64", "sums.u32"])
def test_keys_that_the_disk_does_not_give_are_not_made_up(tmp_path, monkeypatch, name):
    filled(tmp_path)
    opened = io.open

    def refuse(path, mode="r", *arguments, **options):
        if str(path) == str(tmp_path / name) and mode == "rb":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return opened(path, mode, *arguments, **options)

    monkeypatch.setattr(io, "open", refuse)
    with pytest.raises(StorageError, match="the disk failed"), EmbeddingStore(tmp_path).writing():
        pass


def test_texts_that_a_damaged_model_cannot_encode_are_its_fault(tmp_path):
    def fail(texts, kind):
        raise RuntimeError("index 66 is out of bounds for dimension 1 with size 66")

    encoder = SimpleNamespace(name="a-model", prompt=lambda kind: "", encode=fail)
    store = EmbeddingStore(tmp_path)
    with (
        store.writing(),
        pytest.raises(ModelError, match=r"a-model: cannot encode .*tokenizer_config\.json"),
    ):
        _Work(encoder, store, Silent()).rows([["a"]], "query")
