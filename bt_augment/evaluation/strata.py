"""A macro average as an estimate: what each question contributes to it, and to its variance.

Its cells, a language or a pair of languages each, have fixed weights whatever their numbers of
questions: they are the strata of a stratified sample. The formulas are those of Cochran 1977
(*Sampling Techniques*, chapter 5).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def weighted(scores: Floats, question: Ints, cell: Ints) -> Floats:
    """Return each question's scores, weighted so that their mean is the macro average.

    Args:
        scores: shape (scores,).
        question: number of each score's question, from 0; none is left out.
        cell: number of each score's cell, from 0; none is left out.

    Returns:
        N * sum of score / (cells * size of its cell) over the question's scores, shape (N,). Where
        cells differ in size, so do these values, even of questions that all score alike.
    """
    sizes = np.bincount(cell)
    sums = np.bincount(question, scores / (len(sizes) * sizes[cell]))
    return (sums * len(sums)).astype(np.float64)


def linearised(scores: Floats, question: Ints, cell: Ints) -> Floats:
    """Return values whose mean is the macro average, and whose variance over N is its variance.

    A score counts by its deviation from the mean of its cell. Of questions that are in one cell
    each, variance / N is that of the stratified mean, the sum of weight^2 * s^2 / n over the cells;
    a question in several cells is one unit, whose deviations add up. A cell of a single question,
    which has no variance of its own, counts by its distance from the mean of the others, which is
    on the wide side, as Cochran's collapsed strata are.

    Args:
        scores: shape (scores,).
        question: number of each score's question, from 0; none is left out.
        cell: number of each score's cell, from 0; none is left out.

    Returns:
        Shape (N,).
    """
    sizes = np.bincount(cell)
    cells, number = len(sizes), int(question.max()) + 1
    means = np.bincount(cell, scores) / sizes
    mean = means.mean()
    alone = sizes == 1
    centres = np.where(alone, (cells * mean - means) / max(cells - 1, 1), means)
    # Each cell has its own n - 1, where the variance of all values will have N - 1.
    freedom = np.where(alone, 1.0, sizes / np.maximum(sizes - 1, 1)) * (number - 1) / number
    scale = np.sqrt(freedom) / (cells * sizes)
    parts = number * np.bincount(question, (scores - centres[cell]) * scale[cell])
    values: Floats = mean + parts - parts.mean()
    return values
