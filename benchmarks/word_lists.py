"""Make ``bt_augment/filtering/words/``: words that may have a capital and are no kept names.

    python benchmarks/word_lists.py --english WORDS [--english WORDS]
    python benchmarks/word_lists.py --known pt    # needs wordfreq (pip install wordfreq==3.1.1)

``en.txt`` and ``pt.txt`` have three sources, folded and merged: whole words without a capital of
the bundled model's vocabulary (both languages share one, so that each list has some words of the
other); capitalised words of it that the bundled model gives another form, in both of two sentences;
and, for English, a word list (SCOWL, as Debian's ``wamerican-large`` and ``wbritish-large`` install
it in ``/usr/share/dict``) and names by the author that many languages have a form of their own for.

``pt-known.txt`` holds all words of wordfreq's large Portuguese list (Speer 2022), names and foreign
words among them, so that a word which it lacks is hardly one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import click

from bt_augment.cache import cache_folder
from bt_augment.filtering.capitals import fold
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.models import ModelCatalog
from bt_augment.translation.translator import Translator

WORDS = Path(__file__).resolve().parents[1] / "bt_augment" / "filtering" / "words"
SENTENCES = {
    ("en", "pt"): (
        "They spoke about {} yesterday.",
        "The book is about {} and its history.",
    ),
    ("pt", "en"): ("Eles falaram sobre {} ontem.", "O livro é sobre {} e sua história."),
}
WORD = re.compile(r"▁([^\W\d_]{3,})")
WHOLE = re.compile(r"[a-z]+(?:['.-][a-z]+)*")
NOTE = {
    "en": "# Words of SCOWL (Copyright 2000-2011 Kevin Atkinson; see LICENSE beside this file), of "
    "the bundled model's vocabulary, and names that translation changes. Made by "
    "benchmarks/word_lists.py.",
    "pt": "# Words of the bundled model's vocabulary, and names that translation changes. Made by "
    "benchmarks/word_lists.py.",
}
CHANGED_NAMES = """
    january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday easter christmas
    england scotland wales britain africa asia europe america antarctica antarctic arctic atlantic
    pacific mediterranean baltic caribbean balkans bohemia moravia silesia transylvania
    london rome milan venice florence naples turin genoa lisbon seville moscow warsaw krakow prague
    vienna munich cologne geneva zurich basel bern brussels antwerp bruges ghent hague copenhagen
    athens constantinople byzantium cairo algiers alexandria antioch carthage jerusalem damascus
    baghdad tehran beijing peking tokyo seoul delhi nuremberg strasbourg marseille saxony bavaria
    prussia rhine danube vistula volga nile thames tagus seine tigris euphrates alps pyrenees andes
    carpathians himalayas sicily sardinia corsica crete cyprus brittany burgundy normandy flanders
    york netherland indies midwest bosphorus hagia iberia judea galilee danube
    spaniard croat serb bulgar magyar hun saxon goth frank
    tuscany lombardy catalonia andalusia castile aragon anatolia cilicia mesopotamia babylon persia
    newfoundland orkney hebrides greenland
    elizabeth james john charles henry william louis philip peter paul mary george edward catherine
    joan nicholas alexander frederick francis joseph stephen matthew mark luke michael gregory
    benedict leo pius clement innocent urban boniface ferdinand isabella leopold constantine
    augustus caesar plato aristotle socrates homer euclid archimedes pythagoras ptolemy galen virgil
    horace ovid cicero livy pliny tacitus copernicus columbus avicenna averroes muhammad
    christ jesus god moses abraham noah jacob isaac david solomon zeus jupiter mars venus mercury
    saturn neptune uranus pluto apollo hercules odysseus achilles troy
    catholic protestant huguenot lutheran calvinist jew jewish muslim islam islamic hindu buddhist
    quran koran torah orthodox mormon
    british french spanish dutch flemish welsh irish scottish english swiss greek turk turkish dane
    danish swede pole finn czech slovak thai arab norse viking seljuk mongol hanseatic
""".split()  # noqa: SIM905 - a table reads better than 300 quoted strings


KNOWN_NOTE = (
    "# Words of wordfreq's large list (Robyn Speer; CC BY-SA 4.0, see LICENSE beside this file), "
    "folded. Made by benchmarks/word_lists.py."
)


@click.command(help=__doc__)
@click.option("--english", type=click.Path(path_type=Path), multiple=True)
@click.option("--known", metavar="LANG", multiple=True)
def main(english: tuple[Path, ...], known: tuple[str, ...]) -> None:
    """Write the lists."""
    if english:
        write_ordinary(english)
    for lang in known:
        write_known(lang)


def write_known(lang: str) -> None:
    """Write all words of a language that wordfreq knows."""
    import wordfreq

    common = wordfreq.get_frequency_list(lang, "large")
    words = {fold(word) for level in common for word in level if len(word) >= 4}
    words = {word for word in words if WHOLE.fullmatch(word)}
    words -= plurals(words)
    file = WORDS / f"{lang}-known.txt"
    file.write_text("\n".join([KNOWN_NOTE, *sorted(words), ""]), encoding="utf-8")
    click.echo(f"{file}: {len(words)} words")


def write_ordinary(english: tuple[Path, ...]) -> None:
    """Write the lists of words that are no kept names."""
    whole = vocabulary()
    catalog = ModelCatalog(cache_folder(os.environ))
    for (source, target), sentences in SENTENCES.items():
        translator = Translator(catalog.resolve("bundled:mini", source, target), device="cpu")
        words = {fold(word) for word in whole if word.islower()}
        words |= {fold(word) for word in changed(whole, translator, sentences)}
        if source == "en":
            words |= set(CHANGED_NAMES).union(*map(lower_case_words, english))
        words -= plurals(words)
        WORDS.mkdir(exist_ok=True)
        file = WORDS / f"{source}.txt"
        file.write_text("\n".join([NOTE[source], *sorted(words), ""]), encoding="utf-8")
        click.echo(f"{file}: {len(words)} words")


def plurals(words: Iterable[str]) -> set[str]:
    """Return the words that are others and an s (worlds), but those of two (press, pres, pre)."""
    kept: set[str] = set()
    found: set[str] = set()
    for word in sorted(words, key=len):
        (found if word.endswith("s") and word[:-1] in kept else kept).add(word)
    return found


def vocabulary() -> list[str]:
    """Return the pieces of the bundled vocabulary that are whole words."""
    folder = resources.files("bt_augment.translation") / "bundled" / "mini-en-pt"
    pieces = json.loads((folder / "shared_vocabulary.json").read_text(encoding="utf-8"))
    return [match[1] for match in map(WORD.fullmatch, pieces) if match]


def changed(words: Iterable[str], translator: Translator, sentences: Iterable[str]) -> list[str]:
    """Return the capitalised words that no translation of a sentence keeps."""
    names = [word for word in words if word.istitle()]
    texts = [
        [best.text.casefold() for best, *_ in translator.translate(batch, Decoding())]
        for batch in ([sentence.format(name) for name in names] for sentence in sentences)
    ]
    return [
        name
        for name, *made in zip(names, *texts, strict=True)
        if not any(name.casefold() in text for text in made)
    ]


def lower_case_words(file: Path) -> list[str]:
    """Return the words of three letters or more that a list has without a capital."""
    words = file.read_text(encoding="utf-8").split()
    return [fold(word) for word in words if len(word) >= 3 and word.isalpha() and word.islower()]


if __name__ == "__main__":
    main()
