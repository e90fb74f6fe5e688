"""A translator by the name of its model."""

from __future__ import annotations

from pathlib import Path

import pytest

from bt_augment import Decoding, Translator
from bt_augment.errors import ModelError, RouteError


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BT_AUGMENT_CACHE", str(tmp_path))


def test_a_name_and_a_hop_are_enough() -> None:
    translator = Translator.load("bundled:mini", "en:pt", device="cpu")
    ((hypothesis,),) = translator.translate(["Where does the river begin?"], Decoding())
    assert hypothesis.text == "Onde começa o rio?"


@pytest.mark.parametrize(
    ("hop", "error"), [("en:pt:en", RouteError), ("en", RouteError), ("en:de", ModelError)]
)
def test_what_is_no_hop_of_the_model_is_refused(hop: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Translator.load("bundled:mini", hop)
