"""A model resolved on one machine, found on another: here, in another cache and other folders."""

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bt_augment.errors import ModelError
from bt_augment.translation.model_reference import ModelReference
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog

SETTINGS = {"quantization": None, "device": "cpu"}


@pytest.fixture
def here(tmp_path):
    return ModelCatalog(tmp_path / "here")


@pytest.fixture
def there(tmp_path):
    return ModelCatalog(tmp_path / "there")


@pytest.fixture
def copied(tmp_path, here):
    """Return a folder of the user's own with a model."""
    model = here.resolve(BUNDLED_MINI, "en", "pt")
    return Path(shutil.copytree(model.folder, tmp_path / "model"))


def test_the_bundled_model_is_found_wherever_the_package_is(here, there):
    model = here.resolve(BUNDLED_MINI, "en", "pt-BR")
    reference = replace(ModelReference.of(model), folder="/not/on/that/machine")
    found = pickle.loads(pickle.dumps(reference)).find(there, "en", "pt-BR", **SETTINGS)
    assert (found.name, found.label, found.revision) == (model.name, model.label, model.revision)


def test_a_folder_on_a_shared_disk_is_found_by_its_path(here, there, copied, monkeypatch):
    monkeypatch.chdir(copied.parent)
    model = here.resolve("model", "en", "pt")  # as the user wrote it: relative
    reference = ModelReference.of(model)
    monkeypatch.chdir("/")
    found = reference.find(there, "en", "pt", **SETTINGS)
    assert (found.name, found.label) == ("model", model.label)
    assert found.folder == copied


def test_a_folder_that_is_not_there_is_named(here, there, copied):
    reference = ModelReference.of(here.resolve(str(copied), "en", "pt"))
    shutil.rmtree(copied)
    with pytest.raises(ModelError, match=rf"there is no {copied}\. Put {copied} on a disk"):
        reference.find(there, "en", "pt", **SETTINGS)


def test_another_model_in_its_place_is_refused(here, there, copied):
    reference = ModelReference.of(here.resolve(str(copied), "en", "pt"))
    config = copied / "config.json"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(ModelError, match=f"fingerprint {reference.fingerprint} is not on this"):
        reference.find(there, "en", "pt", **SETTINGS)


def test_a_model_of_the_hub_is_looked_for_at_its_revision(here, there, copied, monkeypatch):
    asked = []

    def folder_of(self, name, *_):
        asked.append(name)
        return copied

    monkeypatch.setattr(ModelCatalog, "_folder_of", folder_of)
    model = replace(here.resolve("some/model@main", "en", "pt"), revision="abc123")
    reference = replace(ModelReference.of(model), folder="/not/on/that/machine")
    asked.clear()
    found = reference.find(there, "en", "pt", **SETTINGS)
    assert asked == ["some/model@abc123"]
    assert (found.name, found.revision) == ("some/model@main", "abc123")
