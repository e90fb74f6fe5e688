"""Do lent capitals and a question mark help questions that are typed without them?

    python benchmarks/question_style.py nq-open.jsonl.gz --limit 500

Round-trips each question as it is, lent a capital and a mark, and lent the capitals of its passage
too, by the bundled model; prints how many stop asking the same kind of thing
(``question_answering.question_form`` below 1), how many lose words
(``question_answering.question_words`` above 0) and the mean chrF to the original.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

from bt_augment.augmentation.question_style import Loan, lend
from bt_augment.cache import cache_folder
from bt_augment.filtering.fidelity import chrf
from bt_augment.filtering.question_form import question_form
from bt_augment.filtering.question_words import question_words_lost
from bt_augment.pairs.readers import InputSettings, Record, read
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog
from bt_augment.translation.translator import load_translators

HOPS = (("en", "pt"), ("pt", "en"))


def main() -> None:
    """Print the comparison as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", type=Path)
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--passage", help="key of the passage, such as ctxs.0.text")
    arguments = parser.parse_args()
    settings = InputSettings(lang="en", limit=arguments.limit, passage=arguments.passage)
    records = [r for r in read([str(arguments.input)], settings) if isinstance(r, Record)]
    questions = [record.question for record in records]
    plain = [Loan(question, mark=False, capital=False) for question in questions]
    marked = [lend(question, "en") for question in questions]
    named = [lend(record.question, "en", record.passage) for record in records]
    catalog = ModelCatalog(cache_folder(os.environ))
    translators = load_translators({hop: catalog.resolve(BUNDLED_MINI, *hop) for hop in HOPS})
    print(
        f"{len(questions)} questions, {sum(loan.mark for loan in marked)} lent a mark, "
        f"{sum(loan.names for loan in named)} the capitals of names\n"
    )
    print("| questions | other kind, or none | words lost | mean chrF |\n|---|---|---|---|")
    for name, loans in (
        ("as they are", plain),
        ("lent a capital and a mark", marked),
        ("lent the capitals of names too", named),
    ):
        texts = [loan.text for loan in loans]
        for hop in HOPS:
            texts = [found[0].text for found in translators[hop].translate(texts, Decoding())]
        made = [loan.take_back(text) for loan, text in zip(loans, texts, strict=True)]
        pairs = list(zip(questions, made, strict=True))
        lost = sum(question_form(source, "en", text, "en") < 1 for source, text in pairs)
        fewer = sum(question_words_lost(source, text, "en") > 0 for source, text in pairs)
        mean = statistics.mean(chrf([(source.lower(), text.lower()) for source, text in pairs]))
        print(f"| {name} | {lost} | {fewer} | {mean:.1f} |")


if __name__ == "__main__":
    main()
