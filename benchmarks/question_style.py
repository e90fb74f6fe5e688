"""Does a lent capital and question mark help questions that are typed without them?

    python benchmarks/question_style.py nq-open.jsonl.gz --limit 500

Round-trips each question as it is, and lent a capital and a mark, by the bundled model; prints how
many stop asking the same kind of thing (``question_answering.question_form`` below 1) and the mean
chrF to the original.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

from bt_augment.augmentation.question_style import Loan, lend
from bt_augment.filtering.fidelity import chrf
from bt_augment.filtering.question_form import question_form
from bt_augment.pairs.readers import InputSettings, Record, read
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog, cache_folder
from bt_augment.translation.translator import Decoding, load_translators

HOPS = (("en", "pt"), ("pt", "en"))


def main() -> None:
    """Print the comparison as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", type=Path)
    parser.add_argument("--limit", type=int, default=500)
    arguments = parser.parse_args()
    settings = InputSettings(lang="en", limit=arguments.limit)
    questions = [
        r.question for r in read([str(arguments.input)], settings) if isinstance(r, Record)
    ]
    lent = [lend(question, "en") for question in questions]
    plain = [Loan(question, mark=False, capital=False) for question in questions]
    catalog = ModelCatalog(cache_folder(os.environ))
    translators = load_translators({hop: catalog.resolve(BUNDLED_MINI, *hop) for hop in HOPS})
    print(f"{len(questions)} questions, {sum(loan.mark for loan in lent)} without a mark\n")
    print("| questions | other kind, or none | mean chrF |\n|---|---|---|")
    for name, loans in (("as they are", plain), ("lent a capital and a mark", lent)):
        texts = [loan.text for loan in loans]
        for hop in HOPS:
            texts = [found[0].text for found in translators[hop].translate(texts, Decoding())]
        made = [loan.take_back(text) for loan, text in zip(loans, texts, strict=True)]
        pairs = list(zip(questions, made, strict=True))
        lost = sum(question_form(source, "en", text, "en") < 1 for source, text in pairs)
        mean = statistics.mean(chrf(source, text) for source, text in pairs)
        print(f"| {name} | {lost} | {mean:.1f} |")


if __name__ == "__main__":
    main()
