"""How sure a model usually is of a question: ``usual_logprob`` in its ``bt_augment.json``.

    python benchmarks/usual_logprob.py en:pt data/en/qa.json
    python benchmarks/usual_logprob.py de:en questions.jsonl --model ./my-ct2-folder

The median over the questions of an input of the mean token log-probability of their greedy
translations, in nats. ``fidelity.question_doubt`` is measured by it.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import click

from bt_augment.cache import cache_folder
from bt_augment.pairs.readers import InputSettings, Record, read
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog
from bt_augment.translation.translator import Translator


@click.command(help=__doc__)
@click.argument("hop")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--model", default=BUNDLED_MINI, show_default=True)
def main(hop: str, file: Path, model: str) -> None:
    """Print the median."""
    source, target = hop.split(":")
    catalog = ModelCatalog(cache_folder(os.environ))
    translator = Translator(catalog.resolve(model, source, target), device="cpu")
    records = read([str(file)], InputSettings(lang=source))
    questions = dict.fromkeys(r.question for r in records if isinstance(r, Record))
    found = translator.translate(list(questions), Decoding(with_logprob=True))
    median = statistics.median(best.logprob for best, *_ in found)
    click.echo(f"{model} {hop}: {median:.4f} nats per token, median of {len(found)} questions")


if __name__ == "__main__":
    main()
