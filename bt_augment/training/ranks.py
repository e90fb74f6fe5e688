"""The processes that train together, as ``torchrun`` starts them; one where it did not."""

from __future__ import annotations


def join_ranks(*, cpu: bool) -> None:
    """Join the other ranks.

    Args:
        cpu: train on the CPU even where there is a GPU.
    """
    import torch
    from accelerate import PartialState  # type: ignore[import-untyped]

    PartialState(cpu=cpu or not torch.cuda.is_available())


def ranks() -> int:
    """Return the number of ranks that train together."""
    from accelerate import PartialState

    return int(PartialState().num_processes)


def is_main() -> bool:
    """Tell whether this is the rank that writes."""
    from accelerate import PartialState

    return bool(PartialState().is_main_process)


def wait_for_all() -> None:
    """Go on when every rank has come here."""
    from accelerate import PartialState

    PartialState().wait_for_everyone()
