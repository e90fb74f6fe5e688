"""A run on a store compared with one in a folder."""

import json


def files_of(run):
    """Return the files of a finished run by name, without its lock."""
    return {
        str(p.relative_to(run)): p.read_bytes()
        for p in run.rglob("*")
        if p.is_file() and p.name != ".lock"
    }


def books(data):
    """Return a manifest without what differs from call to call."""
    manifest = json.loads(data)
    for part in (manifest["totals"], *manifest["units"]):
        del part["seconds"]
    return manifest


def assert_same(objects, run):
    """Compare a run on the store with one in a folder: all bytes but the seconds in the books."""
    files = files_of(run)
    assert sorted(objects) == sorted(files)
    assert books(objects.pop("manifest.json")) == books(files.pop("manifest.json"))
    assert objects == files
