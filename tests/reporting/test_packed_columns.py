"""Columns in text: what is packed here is what the page's own script reads."""

import json
from importlib.resources import files

import numpy as np
import pytest

from bt_augment.reporting.packed_columns import pack


@pytest.mark.parametrize(
    ("distinct", "bits"), [(1, 0), (2, 1), (3, 2), (5, 4), (17, 8), (256, 8), (257, 16)]
)
def test_the_page_reads_what_was_packed(page, distinct, bits):
    column = np.random.default_rng(distinct).integers(0, distinct, 1003) * 3 + 7
    column[:distinct] = np.arange(distinct) * 3 + 7
    packed = pack(column)
    assert packed["bits"] == bits
    script = (files("bt_augment.reporting") / "assets" / "columns.js").read_text()
    page.driver.get("about:blank")
    read = page.run(
        f"{script}; return [...unpack(JSON.parse(arguments[0]), arguments[1])]",
        json.dumps(packed), len(column),
    )  # fmt: skip
    assert read == column.tolist()


def test_more_values_than_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        pack(np.arange(1 << 17))
