"""Inputs made out of others: flipped, cut, doubled, spliced, and with pieces put in."""

from __future__ import annotations

import random
from collections.abc import Sequence

LONGEST = 1 << 16  # bytes; a fault that needs more is looked for by hand


def mutated(draw: random.Random, inputs: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Return one of the inputs, changed in one to eight places.

    Args:
        draw: decides everything.
        inputs: what to start from.
        words: pieces to put in.
    """
    data = bytearray(draw.choice(inputs))
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        at = draw.randint(0, len(data))
        end = min(len(data), at + draw.choice((1, 2, 4, 16, 200)))
        kind = draw.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = draw.randrange(256)
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            data[at:at] = data[at:end]
        elif kind == 4:
            data[at:at] = draw.choice(words)
        elif kind == 5:
            data[at:end] = draw.choice(words)
        elif kind == 6:
            other = draw.choice(inputs)
            start = draw.randint(0, len(other))
            data[at:end] = other[start : start + draw.choice((4, 40, 4000))]
        elif kind == 7:
            del data[at:]
    return bytes(data[:LONGEST])
