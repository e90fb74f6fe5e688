"""One record batch of rows."""

import pyarrow as pa
import pytest

from bt_augment.errors import RecipeError
from bt_augment.pairs import schema


def test_more_text_than_a_batch_holds_is_told(monkeypatch):
    # Two gigabytes are more than a test should take: Arrow answers as it does of them.
    array = pa.array
    monkeypatch.setattr(pa, "array", lambda *a, **k: pa.chunked_array([array(*a, **k)]))
    with pytest.raises(RecipeError, match=r"output\.unit_rows: the column id of 1 rows has more"):
        schema.batch_from_rows([{"id": "a"}], schema.native_schema())
