import gc

import pytest

from bt_augment.generation.memory import rare_collections


def test_the_search_for_cycles_is_as_frequent_as_before_once_a_run_is_over() -> None:
    before = gc.get_threshold()
    with rare_collections():
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before
    with pytest.raises(ValueError, match="of the run"), rare_collections():
        raise ValueError("of the run")
    assert gc.get_threshold() == before
