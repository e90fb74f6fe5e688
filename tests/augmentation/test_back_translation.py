"""Routes applied to pairs by the bundled model, for real."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from bt_augment.augmentation.back_translation import BackTranslator
from bt_augment.pairs.schema import batch_from_rows, native_schema
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog
from bt_augment.translation.route import Route
from bt_augment.translation.translator import Translator

PASSAGE = "The tower was built in 1887.\n\n  It is 300 metres high, and Maria Alves designed it. "
PAIRS = [
    ("q1", "Who designed the tower?", PASSAGE, "en", [("Maria Alves", 55)]),
    ("q2", "When was the tower built?", PASSAGE, "en", [("1887", 23), ("lost", -1)]),
    ("q3", "Quem projetou a torre?", "Maria projetou a torre.", "pt", []),
]
USUAL = {("en", "pt"): -0.108, ("pt", "en"): -0.14}  # as the bundled folders say


@pytest.fixture(scope="module")
def translators(tmp_path_factory):
    catalog = ModelCatalog(tmp_path_factory.mktemp("cache"))
    return {
        hop: Spy(catalog.resolve(BUNDLED_MINI, *hop), device="cpu", workers=2)
        for hop in (("en", "pt"), ("pt", "en"))
    }


class Spy(Translator):
    """Remembers what it was asked to translate."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked = []
        self.scored = []

    def score(self, sources, targets):
        self.scored += zip(sources, targets, strict=True)
        return super().score(sources, targets)

    def translate(self, sentences, decoding, *, salt=0):
        self.asked.append(list(sentences))
        return super().translate(sentences, decoding, salt=salt)


def copy_of(translator, **changes):
    changed = copy.copy(translator)
    changed.model = replace(translator.model, **changes)
    return changed


def questions_alone(*questions):
    """Pairs whose passages have nothing to translate: the engine gets the questions' list alone."""
    return batch_from_rows(
        (
            {
                "id": question,
                "group_id": "g",
                "question": question,
                "passage": "42",
                "question_lang": "en",
                "passage_lang": "en",
                "answers": [],
            }
            for question in questions
        ),
        native_schema(),
    )


def natives():
    return batch_from_rows(
        (
            {
                "id": name,
                "group_id": passage[:8],
                "question": question,
                "passage": passage,
                "question_lang": lang,
                "passage_lang": lang,
                "answers": [{"text": text, "start": start} for text, start in answers],
            }
            for name, question, passage, lang, answers in PAIRS
        ),
        native_schema(),
    )


def apply(translators, *routes, **decoding):
    for translator in translators.values():
        translator.asked.clear()
    maker = BackTranslator([Route.parse(r) for r in routes], translators, Decoding(**decoding))
    return maker.apply(natives(), 0)


def test_rows_come_by_source_then_route_then_candidate(translators):
    made = apply(translators, "en:pt:en", "en:pt", candidates=2)

    assert made.batch.made("id") == [
        f"{q}/{route}/{k}" for q in ("q1", "q2") for route in ("en:pt:en", "en:pt") for k in (0, 1)
    ]
    assert made.batch.source("id") == ["q1"] * 4 + ["q2"] * 4


def test_rows_in_another_language_are_counted_as_not_applicable(translators):
    made = apply(translators, "en:pt:en", "pt:en")

    assert made.not_applicable == {"en:pt:en": 1, "pt:en": 2}
    assert len(made.batch) == 3


def test_a_row_says_how_it_was_made(translators):
    row = apply(translators, "en:pt:en").batch.rows.to_pylist()[0]

    assert row["method"] == "round_trip"
    assert row["route"] == ["en", "pt", "en"]
    assert (row["source_id"], row["question_lang"], row["passage_lang"]) == ("q1", "en", "en")
    assert row["pivot_question"].startswith("Quem")
    assert len(row["models"]) == 2
    assert all(name.startswith("bundled:mini@") for name in row["models"])


def test_a_translation_has_no_pivot(translators):
    row = apply(translators, "en:pt").batch.rows.to_pylist()[0]

    assert (row["pivot_question"], row["pivot_passage"]) == (None, None)
    assert row["method"] == "translation"


def test_white_space_and_line_breaks_are_kept(translators):
    for route in ("en:pt:en", "en:pt"):
        passage = apply(translators, route).batch.made("passage")[0]
        first, second = passage.split("\n\n  ")

        assert first == first.strip()
        assert second.endswith(". ")


def test_each_sentence_is_translated_once_and_shared_hops_too(translators):
    apply(translators, "en:pt:en", "en:pt")
    forth = [s for call in translators["en", "pt"].asked for s in call]

    assert sorted(forth) == sorted(
        [
            "The tower was built in 1887.",
            "It is 300 metres high, and Maria Alves designed it.",
            "Who designed the tower?",
            "When was the tower built?",
        ]
    )


def test_answers_are_found_again_where_they_now_are(translators):
    rows = apply(translators, "en:pt:en").batch.rows.to_pylist()

    for row in rows:
        for answer in row["answers"]:
            if answer["start"] >= 0:
                end = answer["start"] + len(answer["text"])
                assert row["passage"][answer["start"] : end] == answer["text"]
    assert rows[0]["answers"][0]["text"] == "Maria Alves"
    assert rows[0]["answers"][0]["start"] >= 0
    assert rows[1]["answers"][1] == {"text": "lost", "start": -1}


def test_a_round_trip_to_another_region_is_one_and_its_answers_are_found_again(translators):
    regional = translators | {("pt", "en-GB"): translators["pt", "en"]}
    same = ("question", "passage", "answers", "method")
    rows, plain = (
        apply(regional, route).batch.rows.select(same).to_pylist()
        for route in ("en:pt:en-GB", "en:pt:en")
    )

    assert rows == plain
    assert {row["method"] for row in rows} == {"round_trip"}
    assert rows[0]["answers"] == [
        {"text": "Maria Alves", "start": rows[0]["passage"].index("Maria Alves")}
    ]


def test_a_row_does_not_depend_on_the_routes_beside_it(translators):
    alone = apply(translators, "en:pt:en").batch.rows.to_pylist()
    beside = apply(translators, "en:pt", "en:pt:en").batch.rows.to_pylist()

    assert [r for r in beside if r["method"] == "round_trip"] == alone


def test_evidence_tells_of_truncation_and_probability(translators):
    made = apply(translators, "en:pt:en", max_output_tokens=4, with_logprob=True)

    assert min(made.batch.evidence["truncated"]) > 0
    assert all(-20 < value < 0 for value in made.batch.evidence["logprob"])
    assert "logprob" not in apply(translators, "en:pt").batch.evidence


def test_doubt_is_how_much_less_sure_than_usual_the_worst_hop_was(translators):
    # Given the questions' log-probabilities at each hop
    questions = [question for _, question, _, lang, _ in PAIRS if lang == "en"]
    logprobs = Decoding(with_logprob=True)
    there = [h[0] for h in translators["en", "pt"].translate(questions, logprobs)]
    back = [h[0] for h in translators["pt", "en"].translate([h.text for h in there], logprobs)]
    expected = [
        max(a.logprob / USUAL["en", "pt"], b.logprob / USUAL["pt", "en"])
        for a, b in zip(there, back, strict=True)
    ]

    maker = BackTranslator([Route.parse("en:pt:en")], translators, logprobs)
    made = maker.apply(questions_alone(*questions), 0)

    assert made.batch.evidence["question_doubt"] == pytest.approx(expected, rel=1e-4)


def test_a_question_is_given_back_by_the_less_likely_of_its_hops(translators):
    # Given what the other direction says of each hop's question
    questions = ["Who designed the tower?", "Who plays Poppy on Call the Midwife?"]
    there = [h[0].text for h in translators["en", "pt"].translate(questions, Decoding())]
    back = [h[0].text for h in translators["pt", "en"].translate(there, Decoding())]
    first = translators["pt", "en"].score(there, questions)
    second = translators["en", "pt"].score(back, there)
    assert first[1] < second[1]

    maker = BackTranslator(
        [Route.parse("en:pt:en")], translators, Decoding(), backwards="questions"
    )
    made = maker.apply(questions_alone(*questions), 0)

    lower = np.minimum(first, second)
    assert made.batch.evidence["question_backward"] == pytest.approx(lower, rel=1e-4)
    assert "dual_cross_entropy" not in made.batch.evidence


def test_passages_are_not_scored_where_only_questions_are_asked_for(translators):
    for translator in translators.values():
        translator.scored.clear()
    maker = BackTranslator(
        [Route.parse("en:pt:en")], translators, Decoding(), backwards="questions"
    )

    maker.apply(natives(), 0)

    scored = [target for _, target in translators["pt", "en"].scored]
    assert scored == ["Who designed the tower?", "When was the tower built?"]
    assert len(translators["en", "pt"].scored) == 2


def test_doubt_is_unknown_of_samples_and_of_further_candidates(translators):
    sampled = apply(translators, "en:pt", method="sampling", with_logprob=True)
    two = apply(translators, "en:pt", candidates=2, with_logprob=True)

    assert np.isnan(sampled.batch.evidence["question_doubt"]).all()
    assert np.isnan(two.batch.evidence["question_doubt"]).tolist() == [False, True] * 2


def test_doubt_is_unknown_where_the_model_does_not_say_what_is_usual(translators):
    silent = {
        hop: copy_of(translator, usual_logprob=None if hop == ("pt", "en") else -0.1)
        for hop, translator in translators.items()
    }

    assert np.isnan(
        apply(silent, "en:pt:en", with_logprob=True).batch.evidence["question_doubt"]
    ).all()


def test_text_without_letters_passes_unchanged(translators):
    batch = batch_from_rows(
        [
            {
                "id": "q",
                "group_id": "g",
                "question": "🎉🎉?",
                "passage": "42\n—",
                "question_lang": "en",
                "passage_lang": "en",
                "answers": [],
            }
        ],
        native_schema(),
    )
    made = BackTranslator([Route.parse("en:pt:en")], translators, Decoding()).apply(batch, 0)

    assert (made.batch.made("question"), made.batch.made("passage")) == (["🎉🎉?"], ["42\n—"])


def test_dual_cross_entropy_is_what_both_models_say(translators):
    maker = BackTranslator(
        [Route.parse("en:pt")],
        translators,
        Decoding(with_logprob=True),
        backwards="all",
    )
    batch = questions_alone("Who?")

    made = maker.apply(batch, 0).batch

    (there,) = translators["en", "pt"].translate(["Who?"], Decoding(with_logprob=True))
    (back,) = translators["pt", "en"].score([there[0].text], ["Who?"])
    forward, backward = -there[0].logprob, -back
    expected = abs(forward - backward) + (forward + backward) / 2
    assert made.evidence["dual_cross_entropy"][0] == pytest.approx(expected, rel=1e-4)


def test_a_faithful_translation_scores_better_than_another_text(translators):
    engine = translators["en", "pt"]
    there = engine.translate(["Where does the river begin?"], Decoding())[0][0].text

    right, wrong = engine.score(
        ["Where does the river begin?"] * 2, [there, "O gato preto dorme em casa."]
    )

    assert right > wrong + 1


def test_a_pair_that_is_too_long_gives_empty_rows_that_say_so(translators):
    # Given pairs of which two have passages past the limit
    for translator in translators.values():
        translator.asked.clear()
    maker = BackTranslator(
        [Route.parse("en:pt:en")], translators, Decoding(candidates=2), longest={"passage": 60}
    )
    long, short = natives(), "Maria Alves designed it in 1887."
    rows = [*long.to_pylist()[:2], {**long.to_pylist()[0], "id": "q4", "passage": short}]
    made = maker.apply(batch_from_rows(rows, native_schema()), 0).batch

    # Then each has all its rows, the long ones are empty, and no sentence of theirs was translated
    assert made.made("id") == [f"{q}/en:pt:en/{k}" for q in ("q1", "q2", "q4") for k in (0, 1)]
    assert made.evidence["untranslated"].tolist() == [1, 1, 1, 1, 0, 0]
    assert made.made("passage")[:4] == [""] * 4
    assert made.made("question")[:4] == [""] * 4
    assert made.made("answers")[0] == [{"text": "Maria Alves", "start": -1}]
    assert all(made.made("passage")[4:])
    asked = {sentence for translator in translators.values() for each in translator.asked
             for sentence in each}  # fmt: skip
    assert not any("300 metres" in sentence for sentence in asked)
