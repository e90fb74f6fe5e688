"""Which places are on object storage, and which URLs are refused."""

from pathlib import Path

import pytest

from bt_augment.errors import InputError
from bt_augment.shards.remote.mirrored_folder import open_run_folder
from bt_augment.shards.remote.urls import cache_name, is_url, place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("runs/a", Path("runs/a")),
        ("hub:someone/qa", Path("hub:someone/qa")),
        ("file:///tmp/a%20b", Path("/tmp/a b")),
        ("file://localhost/tmp/a", Path("/tmp/a")),
        ("file:///tmp/a%23b%3F", Path("/tmp/a#b?")),
        ("FILE:///", Path("/")),
        ("s3://bucket/run/", "s3://bucket/run"),
        ("S3://bucket/run", "s3://bucket/run"),
        ("s3a://bucket/run", "s3://bucket/run"),
        ("gcs://bucket/run", "gs://bucket/run"),
        ("hf://datasets/me/qa@v1/run", "hf://datasets/me/qa@v1/run"),
    ],
)
def test_a_place_is_a_path_or_a_normalized_url(text, expected):
    assert place(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("s3://bucket", "BUCKET/PATH"),
        ("s3:///run", "BUCKET/PATH"),
        ("file3://bucket/run", "did you mean 'file'"),
        ("https://example.org/a.json", "Download the file"),
        ("file://elsewhere/tmp", "another machine"),
        ("file:///tmp/a#b", "write %3F or %23"),
        ("file:///tmp/a?", "write %3F or %23"),
        ("file://", "names no file"),
        ("file://localhost", "names no file"),
        ("s3://bucket/run-*", "not a pattern"),
    ],
)
def test_other_urls_are_refused_with_what_to_do(text, told):
    with pytest.raises(InputError, match=told):
        place(text)


@pytest.mark.parametrize("secret", ["geheim", "ge/heim", "ge@heim"])
def test_credentials_in_a_url_are_refused_and_not_repeated(secret):
    with pytest.raises(InputError) as caught:
        place(f"s3://AKIAKEY:{secret}@bucket/run")
    assert "usual places" in str(caught.value)
    assert "heim" not in str(caught.value)
    assert "AKIAKEY" not in str(caught.value)


def test_a_run_is_not_written_to_the_hub_commit_by_commit(tmp_path):
    with pytest.raises(InputError, match="bt-augment publish"):
        open_run_folder("hf://datasets/me/qa/run", tmp_path)


def test_folders_of_the_cache_are_apart_and_safe_as_names():
    urls = ["s3://a/b", "gs://a/b", "s3://a-b/c", "s3://a/b-c", "s3://a/../../b"]
    names = [cache_name(url) for url in urls] + [cache_name(urls[0], "v2")]
    assert len(set(names)) == len(names)
    assert all("/" not in name and not name.startswith(".") for name in names)


def test_windows_drives_and_route_names_are_no_urls():
    assert not any(map(is_url, ["c:/runs", "en:pt:en", "a//b", "", None, Path("s3://x")]))
