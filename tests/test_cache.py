"""Which cache Python code gets that names none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bt_augment import Evaluation, Generation, load_recipe
from bt_augment.cache import CACHE_VARIABLE, cache_folder


def test_requests_heed_the_environment_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given a cache that the environment names, beside a secret
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    # When requests are made that name none
    recipe = load_recipe(None, {"routes": ["en:pt"]})
    requests = Generation(["x"], tmp_path / "out", recipe), Evaluation("m", "beir", tmp_path)

    # Then it is theirs, and they hold nothing else of the environment
    for request in requests:
        assert cache_folder(request.environment) == tmp_path
        assert "hf_secret" not in repr(request)
