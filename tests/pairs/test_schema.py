"""One record batch of rows."""

import numpy as np
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


def test_more_text_than_one_batch_holds_is_a_matter_of_unit_rows():
    batch = pa.record_batch({"text": pa.array(["x" * (1 << 24)])})
    with pytest.raises(
        RecipeError, match=r"output\.unit_rows: a column of 130 rows has more than 2"
    ):
        schema.taken([batch] * 130)
    assert schema.taken([batch] * 2, np.array([1])).num_rows == 1
