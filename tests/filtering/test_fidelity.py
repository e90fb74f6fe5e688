"""Fidelity: likeness of the round trip, copy-through, dropped sentences, engine scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from bt_augment.filtering.cascade import Threshold, judge
from bt_augment.filtering.copying import copied_share
from bt_augment.filtering.fidelity import FidelityFilter, chrf, unmatched_in
from bt_augment.filtering.sentence_alignment import (
    expected_length,
    is_measured,
    unmatched_sentences,
)
from bt_augment.pairs.candidates import CandidateBatch
from bt_augment.pairs.schema import batch_from_rows, made_schema, native_schema

QUESTION = "Who solved the jamming problem of the early zipper?"
PASSAGE = (
    "In 1893 the American engineer Whitcomb Judson showed a clasp locker for boots at the World's "
    "Fair. Gideon Sundback solved the problem twenty years later with two rows of metal teeth. "
    "His patent of 1917 called the device a separable fastener. It sold badly at first."
)
PIVOT_QUESTION = "Quem resolveu o problema de emperramento dos primeiros zíperes?"
PIVOT_PASSAGE = (
    "Em 1893, o engenheiro americano Whitcomb Judson mostrou um fecho para botas na Feira Mundial. "
    "Gideon Sundback resolveu o problema vinte anos depois com duas fileiras de dentes metálicos. "
    "Sua patente de 1917 chamava o dispositivo de fecho separável. Vendeu mal no início."
)
BACK_QUESTION = "Who solved the problem of jamming in the first zippers?"
BACK_PASSAGE = (
    "In 1893, American engineer Whitcomb Judson showed a clasp for boots at the World's Fair. "
    "Gideon Sundback solved the problem twenty years later with two rows of metallic teeth. "
    "His 1917 patent called the device a separable clasp. It sold poorly at the start."
)


def batch(evidence: dict[str, Any] | None = None, **changes: Any) -> CandidateBatch:
    """Return one good round trip, with changes to the made row."""
    native = {
        "id": "1",
        "group_id": "g",
        "question": QUESTION,
        "passage": PASSAGE,
        "question_lang": "en",
        "passage_lang": "en",
        "answers": [],
    }
    made = native | {
        "question": BACK_QUESTION,
        "passage": BACK_PASSAGE,
        "method": "round_trip",
        "route": ["en", "pt", "en"],
        "pivot_question": PIVOT_QUESTION,
        "pivot_passage": PIVOT_PASSAGE,
    }
    return CandidateBatch(
        batch_from_rows([made | changes], made_schema()),
        batch_from_rows([native], native_schema()),
        evidence or {},
    )


def translation(**changes: Any) -> CandidateBatch:
    made = {
        "question": PIVOT_QUESTION,
        "passage": PIVOT_PASSAGE,
        "question_lang": "pt",
        "passage_lang": "pt",
        "method": "translation",
        "route": ["en", "pt"],
        "pivot_question": None,
        "pivot_passage": None,
    }
    return batch(**(made | changes))


def score(name: str, candidates: CandidateBatch) -> float:
    return float(FidelityFilter().score(candidates, {name})[name][0])


def verdict(candidates: CandidateBatch) -> list[str]:
    """Return the reject reasons at the defaults."""
    declared = [s for s in FidelityFilter.scores if s.enabled]
    scores = FidelityFilter().score(candidates, {s.name for s in declared})
    return judge(scores, candidates.made("method"), [Threshold.default(s) for s in declared])[0]


def test_a_good_round_trip_and_a_good_translation_are_accepted() -> None:
    assert verdict(batch()) == []
    assert verdict(translation()) == []


def test_chrf_by_hand() -> None:
    # "abc" against "abd", of the orders that the texts have (1, 2, 3), precision and recall are
    # both 2/3, 1/2 and 0; so is F at any beta, averaged.
    assert chrf([("abc", "abd")]) == pytest.approx([100 * (2 / 3 + 1 / 2 + 0) / 3], abs=0.01)


@given(st.text(max_size=60), st.text(max_size=60))
@example("", "")
@example("a", "")
@example("a\x1cb c", "ab\u3000c")
@example("the cat sat", "the cat sat on the mat")
def test_chrf_is_that_of_sacrebleu(reference: str, hypothesis: str) -> None:
    # White space is left out by both; what is white to one and not to the other is not.
    expected = CHRF().sentence_score("".join(hypothesis.split()), ["".join(reference.split())])
    if reference != hypothesis:
        assert chrf([(reference, hypothesis)]) == pytest.approx([expected.score], abs=1e-9)


def test_chrf_is_that_of_the_worse_text() -> None:
    only_question = score("fidelity.chrf", batch(question="Where is the post office?"))
    assert chrf([(QUESTION, "Where is the post office?")]) == pytest.approx(
        [only_question], abs=1e-3
    )
    assert only_question < score("fidelity.passage_chrf", batch())


def test_an_unrelated_question_is_below_the_floor() -> None:
    assert "fidelity.chrf.low" in verdict(batch(question="Where can one buy a stamp?"))


def test_the_ceiling_rejects_only_if_both_texts_are_copies() -> None:
    assert "fidelity.chrf.high" in verdict(batch(question=QUESTION, passage=PASSAGE))
    assert verdict(batch(question=QUESTION)) == []


def test_round_trip_scores_do_not_apply_to_translations() -> None:
    assert np.isnan(score("fidelity.chrf", translation()))


def test_a_short_sentence_left_untranslated_is_found() -> None:
    mixed = PIVOT_PASSAGE.replace("Vendeu mal no início.", "It sold badly at first.")
    assert "fidelity.copy.high" in verdict(translation(passage=mixed))
    assert "fidelity.copy.high" in verdict(batch(pivot_passage=mixed))


def test_the_second_hop_left_untranslated_is_found() -> None:
    sentence = "Sua patente de 1917 chamava o dispositivo de fecho separável."
    mixed = BACK_PASSAGE.replace("His 1917 patent called the device a separable clasp.", sentence)
    assert "fidelity.copy.high" in verdict(batch(passage=mixed))


def test_a_pivot_in_another_region_of_the_sources_language_is_no_copy_of_it() -> None:
    onward: dict[str, Any] = {"method": "pivot", "question_lang": "pt", "passage_lang": "pt"}
    onward |= {"question": PIVOT_QUESTION, "passage": PIVOT_PASSAGE}
    onward |= {"pivot_question": BACK_QUESTION, "pivot_passage": PASSAGE}
    for tag in ("en", "en-GB"):
        assert score("fidelity.copy", batch(**onward, route=["en", "fr", tag, "pt"])) == 0.0
    assert score("fidelity.copy", batch(**onward, route=["en", "fr", "es", "pt"])) == 1.0


def test_names_and_numbers_are_no_copies() -> None:
    source = "The board: Ana Maria Silva Souza, John Fitzgerald Kennedy Junior 1961, chair."
    made = "Conselho: Ana Maria Silva Souza, John Fitzgerald Kennedy Junior 1961, presidente."
    assert copied_share(source, made, "pt") == 0.0


@given(*[st.lists(st.sampled_from("uvwxyz"), min_size=3, max_size=12)] * 2)
def test_copied_are_the_words_in_a_run_of_four_that_the_text_before_has(
    before: list[str], after: list[str]
) -> None:
    runs = {tuple(before[i : i + 4]) for i in range(len(before) - 3)}
    starts = [i for i in range(len(after) - 3) if tuple(after[i : i + 4]) in runs]
    copied = {i + offset for i in starts for offset in range(4)}
    assert copied_share(" ".join(before), " ".join(after), "pt") == len(copied) / len(after)


@pytest.mark.parametrize("out", range(4))
def test_every_dropped_sentence_is_found(out: int) -> None:
    sentences = [s.strip(".") + ". " for s in BACK_PASSAGE.split(". ")]
    passage = "".join(sentences[:out] + sentences[out + 1 :])
    assert score("fidelity.sentences", batch(passage=passage)) == 1.0


def test_a_sentence_cut_to_a_stump_is_found() -> None:
    passage = BACK_PASSAGE.replace(
        "Gideon Sundback solved the problem twenty years later with two rows of metallic teeth.",
        "Gideon Sundback.",
    )
    assert "fidelity.sentences.high" in verdict(batch(passage=passage))


def test_quotation_marks_layout_and_ordinals_part_no_sentences() -> None:
    source = 'He wrote: "It is so. It was so." Nobody believed him at that time.\nIt was late.'
    made = "Şöyle yazdı: Bu böyledir. Böyleydi. O zaman kimse ona inanmadı. Vakit çok geçti."
    assert unmatched_in(source, "en", made, "tr") == 0
    source = "It was built in the second half of the 20th century. Many people came to see it."
    made = "Yapımı 20. Yüzyılın ikinci yarısında tamamlandı. Birçok insan onu görmeye geldi."
    assert unmatched_in(source, "en", made, "tr") == 0
    dropped = "Yapımı 20. Yüzyılın ikinci yarısında tamamlandı."
    assert unmatched_in(source, "en", dropped, "tr") >= 1


def test_latin_names_in_a_chinese_sentence_count_as_latin_letters() -> None:
    name = "Bureau of Labor Statistics"
    assert expected_length(name, "zh") == len(name)
    assert expected_length("美国劳工统计局", "zh") == pytest.approx(7 / 0.285)
    assert expected_length(name, "de") == pytest.approx(len(name) / 1.13)


def test_a_text_that_shrinks_evenly_is_terse_and_one_that_does_not_has_lost_a_sentence() -> None:
    source = [100.0, 200.0, 150.0]
    assert unmatched_sentences(source, [75.0, 150.0, 112.0]) == 0
    # Of the last two the second is gone, and the first was split in two
    assert unmatched_sentences(source, [100.0, 90.0, 110.0]) == 1


def test_two_sentences_made_one_are_not_a_loss() -> None:
    passage = BACK_PASSAGE.replace("clasp. It sold", "clasp, and it sold")
    assert score("fidelity.sentences", batch(passage=passage)) == 0.0


def test_a_sentence_split_in_two_is_not_added() -> None:
    source = "The commander, the pilot and the navigator of the ship took part in it. It was late."
    made = "An ihr nahmen der Kommandant und der Pilot teil. Auch der Navigator. Es war spät."
    assert unmatched_in(source, "en", made, "de") == 0
    added = made + " Danach fuhren sie noch am selben Abend mit dem Zug zurück in die Hauptstadt."
    assert unmatched_in(source, "en", added, "de") == 1


def test_an_editorial_note_is_no_sentence() -> None:
    source = "Sand covers a quarter of it.[citation needed] The rest of it is gravel and bare rock."
    made = "La arena cubre una cuarta parte. El resto es grava y roca desnuda."
    assert unmatched_in(source, "en", made, "es") == 0


def test_a_question_grown_by_a_sentence_is_found() -> None:
    longer = BACK_QUESTION + " The first zippers were sold in large shops in many cities."
    assert "fidelity.sentences.high" in verdict(batch(question=longer))


def test_languages_without_sentence_marks_are_not_judged_where_their_length_is_unknown() -> None:
    lao = translation(passage="ຊິບ", passage_lang="lo", route=["en", "lo"])
    assert np.isnan(score("fidelity.sentences", lao))
    assert "fidelity.sentences.null" not in verdict(lao)


def test_a_text_without_sentence_marks_is_one_sentence() -> None:
    source = "It has four rooms. The first of them is the largest of all. " * 12
    thai = "มีสี่ห้อง ห้องแรกเป็นห้องที่ใหญ่ที่สุดในบรรดาห้องทั้งหมดของที่นี่" * 12
    assert unmatched_in(source, "en", thai, "th") == 0
    assert unmatched_in(source, "en", thai[: len(thai) * 2 // 3], "th") >= 1


def test_a_long_sentence_that_lost_a_part_is_found_and_a_short_one_is_not() -> None:
    # By hand: (220 - 300) / sqrt(260 * 6.8) = -1.90; (210 - 300) / sqrt(255 * 6.8) = -2.16
    assert unmatched_sentences([100.0, 300.0], [100.0, 220.0]) == 0
    assert unmatched_sentences([100.0, 300.0], [100.0, 210.0]) == 1
    assert unmatched_sentences([60.0, 100.0], [36.0, 100.0]) == 0


def test_where_lengths_are_not_measured_a_sentence_is_short_beside_its_text() -> None:
    source, terse = [400.0, 420.0, 380.0], [290.0, 300.0, 280.0]
    assert unmatched_sentences(source, terse) > 0
    assert unmatched_sentences(source, terse, measured=False) == 0
    assert unmatched_sentences(source, [290.0, 180.0, 280.0], measured=False) == 1
    assert not is_measured("ko")
    assert is_measured("pt-BR")
    hebrew = "היא נבנתה בשנת 1901 והיא הגבוהה ביותר בעיר. "
    english = "It was built in the year 1901, and it is still the very highest of the whole city. "
    assert unmatched_in(english * 4, "en", hebrew * 4, "he") == 0


@given(st.lists(st.floats(1, 500), max_size=12))
def test_the_same_lengths_have_nothing_unmatched(lengths: list[float]) -> None:
    assert unmatched_sentences(lengths, lengths) == 0


@given(st.lists(st.floats(1, 500), min_size=1, max_size=8), st.lists(st.floats(1, 500), max_size=8))
def test_unmatched_sentences_are_symmetric_in_emptiness_and_bounded(
    source: list[float], made: list[float]
) -> None:
    assert 0 <= unmatched_sentences(source, made) <= len(source) + len(made)
    assert unmatched_sentences(source, []) == len(source)


def test_engine_scores_come_from_the_evidence_or_are_null() -> None:
    given_score = np.array([-0.5], dtype=np.float32)
    assert score("fidelity.logprob", batch({"logprob": given_score})) == -0.5
    for name in ("dual_cross_entropy", "question_backward"):
        assert score(f"fidelity.{name}", batch({name: given_score})) == -0.5
    assert np.isnan(score("fidelity.logprob", batch()))


def test_repeated_passages_score_as_single_ones() -> None:
    one = batch({"question_doubt": np.ones(1, dtype=np.float32)})
    many = CandidateBatch(
        one.rows.take([0, 0, 0]),
        one.sources.take([0, 0, 0]),
        {"question_doubt": np.ones(3, dtype=np.float32)},
    )
    wanted = {s.name for s in FidelityFilter.scores if s.enabled}
    single, triple = FidelityFilter().score(one, wanted), FidelityFilter().score(many, wanted)
    for name in wanted:
        assert triple[name].tolist() == single[name].tolist() * 3
        assert triple[name].dtype == np.float32


def test_a_question_the_engine_was_unsure_of_is_rejected_and_an_unknown_one_is_not() -> None:
    name = "fidelity.question_doubt"
    threshold = next(
        Threshold.default(score) for score in FidelityFilter.scores if score.name == name
    )
    for doubt, reasons in ((1.0, []), (3.0, [f"{name}.high"]), (np.nan, [])):
        row = batch({"question_doubt": np.array([doubt], dtype=np.float32)})
        scored = FidelityFilter().score(row, {name})
        assert judge(scored, ["round_trip"], [threshold]) == [reasons]
