"""What a caller sets is checked against the annotations of a dataclass."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le

from bt_augment.errors import RecipeError
from bt_augment.values import check_fields, whole_number


@dataclass(frozen=True)
class Settings:
    count: Annotated[int, Ge(1), Le(9)] | None = None
    share: Annotated[float, Gt(0)] = 0.5
    how: Literal["one", "other"] = "one"
    on: bool = True
    name: str = "any"

    def __post_init__(self) -> None:
        check_fields(self, RecipeError)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"count": 0}, "count is 0; it must be 1 or more"),
        ({"count": 10}, "count is 10; it must be 9 or less"),
        ({"count": True}, "count is True; it must be a whole number"),
        ({"count": 2.0}, r"count is 2\.0; it must be a whole number"),
        ({"share": 0}, "share is 0; it must be above 0"),
        ({"share": float("inf")}, "share is inf; it must be a number"),
        ({"share": None}, "share is None; it must be a number"),
        ({"share": "0.5"}, "share is '0.5'; it must be a number"),
        ({"share": 10**400}, "share is 10{400}; it must be a number"),
        ({"share": 10**5000}, "share is a number of thousands of digits; it must be a number"),
        ({"count": 10**5000}, "count is a number of thousands of digits; it must be 9 or less"),
        ({"how": "x"}, "how is 'x'; it must be one or other"),
        ({"on": "yes"}, "on is 'yes'; it must be True or False"),
    ],
)
def test_a_value_of_another_kind_or_range_is_named(values, said):
    with pytest.raises(RecipeError, match=said):
        Settings(**values)


def test_numbers_of_other_types_become_pythons_own():
    found = Settings(count=np.int64(3), share=np.float32(0.5))
    assert (type(found.count), type(found.share)) == (int, float)
    assert type(Settings(share=1).share) is int


def test_a_whole_number_has_bounds():
    assert whole_number("n", np.uint8(4), RecipeError, least=4, most=4) == 4
    with pytest.raises(RecipeError, match="n is 5; it must be 4 or less"):
        whole_number("n", 5, RecipeError, most=4)
