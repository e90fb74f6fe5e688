"""The engine on the bundled model, for real."""

import math
from dataclasses import replace

import ctranslate2
import numpy as np
import pytest
import sentencepiece

from bt_augment.errors import InputError, ModelError, RecipeError
from bt_augment.translation.decoding import Decoding
from bt_augment.translation.devices import resolve_device
from bt_augment.translation.int8_weights import files_for_cpu
from bt_augment.translation.models import BUNDLED_MINI, ModelCatalog
from bt_augment.translation.translator import Translator, load_translators

SENTENCES = [
    "Where does the river begin?",
    "The museum was opened in 1907 by Maria Alves.",
    "It never rains here in July.",
    "Bees dance to tell each other where flowers are, and the dance shows the direction.",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return ModelCatalog(tmp_path_factory.mktemp("cache")).resolve(BUNDLED_MINI, "en", "pt")


@pytest.fixture(scope="module")
def translator(model):
    return Translator(model, device="cpu", workers=2)


def texts(found):
    return [hypotheses[0].text for hypotheses in found]


def test_it_gives_what_the_raw_engine_gives(model, translator):
    spm = sentencepiece.SentencePieceProcessor(str(model.folder / "source.spm"))
    files = files_for_cpu(model.folder)
    engine = ctranslate2.Translator(str(model.folder), inter_threads=1, files=files)
    tokens = [[*pieces, "</s>"] for pieces in spm.encode(SENTENCES, out_type=str)]
    raw = engine.translate_batch(tokens, beam_size=1)
    expected = [spm.decode(result.hypotheses[0]) for result in raw]

    assert texts(translator.translate(SENTENCES, Decoding())) == expected


def test_workers_make_no_difference(model, translator):
    alone = Translator(model, device="cpu", workers=1)
    many = [f"{sentence} Part {i}." for i in range(40) for sentence in SENTENCES]

    small = Decoding(batch_tokens=256)

    assert texts(alone.translate(many, small)) == texts(translator.translate(many, small))


def test_nothing_to_translate_gives_nothing(translator):
    assert translator.translate([], Decoding()) == []


def test_log_probabilities_are_given_where_asked_for(translator):
    silent = translator.translate(SENTENCES[:1], Decoding())[0][0]
    told = translator.translate(SENTENCES[:1], Decoding(with_logprob=True))[0][0]

    assert math.isnan(silent.logprob)
    assert -5 < told.logprob < 0
    assert told.text == silent.text


def test_the_best_of_several_candidates_comes_first(translator):
    found = translator.translate(SENTENCES, Decoding(candidates=3, with_logprob=True))

    for hypotheses in found:
        assert len(hypotheses) == 3
        scores = [h.logprob for h in hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert len({h.text for h in hypotheses}) > 1


def test_a_sample_depends_on_seed_and_salt_alone(translator):
    drawn = Decoding(candidates=2, method="sampling", temperature=1.5, seed=7)
    other = Decoding(candidates=2, method="sampling", temperature=1.5, seed=8)

    first = translator.translate(SENTENCES, drawn, salt=3)
    translator.translate(SENTENCES, other, salt=1)

    again = translator.translate(SENTENCES, drawn, salt=3)
    assert [[h.text for h in hs] for hs in again] == [[h.text for h in hs] for hs in first]
    assert texts(translator.translate(SENTENCES, other, salt=3)) != texts(first)
    assert texts(translator.translate(SENTENCES, drawn, salt=4)) != texts(first)


def test_a_long_sentence_is_split_and_nothing_of_it_is_cut(translator):
    clause = "the {} museum in the old town was opened in {}"
    long = ", ".join(clause.format(i, 1900 + i) for i in range(80)) + "."

    (found,) = translator.translate([long], Decoding())

    assert not found[0].truncated
    assert all(str(1900 + i) in found[0].text for i in range(0, 80, 8))


def test_a_part_that_recurs_in_a_long_sentence_is_decoded_once(translator, monkeypatch):
    decoded = []
    decode = translator._decode

    def spy(tokens, *settings):
        decoded.extend(tokens)
        return decode(tokens, *settings)

    monkeypatch.setattr(translator, "_decode", spy)
    (found,) = translator.translate(["x" * 4096], Decoding())  # halved until a part is short enough
    (once,) = translator.translate(["x" * 128], Decoding())

    assert len(decoded) == 2
    assert found[0].text == once[0].text * 32
    assert found[0].tokens == once[0].tokens * 32


def test_a_hit_of_the_output_limit_is_told(translator):
    (found,) = translator.translate(SENTENCES[3:], Decoding(max_output_tokens=5))

    assert found[0].truncated
    assert found[0].tokens == 5


def test_a_mark_of_the_target_language_takes_none_of_the_limit(model, translator):
    class Marked:
        """The model's tokenizer, as one of NLLB begins its outputs."""

        target_prefix = ("▁O",)

        def __getattr__(self, name):
            return getattr(model.tokenizer, name)

    marked = Translator(replace(model, tokenizer=Marked()), device="cpu", shares=translator)
    (found,) = marked.translate(SENTENCES[3:], Decoding(max_output_tokens=5))

    assert found[0].truncated
    assert found[0].tokens == 5


@pytest.mark.parametrize(("call", "arguments"), [("translate", Decoding()), ("score", SENTENCES)])
def test_want_of_memory_while_translating_is_told_as_such(model, call, arguments):
    class Full:
        def __getattr__(self, name):
            def fail(*_, **__):
                raise RuntimeError("mkl_malloc: failed to allocate memory")

            return fail

    full = Translator(model, device="cpu", workers=1)
    full._engine = Full()
    with pytest.raises(MemoryError, match="failed to allocate memory"):
        getattr(full, call)(SENTENCES, arguments)


def test_a_gpu_that_is_not_there_is_refused():
    if ctranslate2.get_cuda_device_count():
        assert resolve_device("auto") == "cuda"
    else:
        assert resolve_device("auto") == "cpu"
        with pytest.raises(ModelError, match="no GPU"):
            resolve_device("cuda")


def test_hops_of_one_folder_share_its_weights(model, translator, tmp_path):
    other = ModelCatalog(tmp_path).resolve(BUNDLED_MINI, "pt", "en")
    hops = {("en", "pt"): model, ("en", "pt-BR"): model, ("pt", "en"): other}

    loaded = load_translators(hops, device="cpu", workers=1)

    assert loaded["en", "pt"]._engine is loaded["en", "pt-BR"]._engine
    assert loaded["en", "pt"]._engine is not loaded["pt", "en"]._engine
    assert texts(loaded["en", "pt-BR"].translate(SENTENCES, Decoding())) == texts(
        translator.translate(SENTENCES, Decoding())
    )


def test_want_of_memory_is_not_taken_for_a_damaged_folder(model, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("mkl_malloc: failed to allocate memory")

    monkeypatch.setattr(ctranslate2, "Translator", refuse)
    with pytest.raises(ModelError, match="Free some memory") as told:
        Translator(model, device="cpu", workers=1)
    assert "Delete" not in str(told.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"candidates": 0}, "candidates is 0; it must be 1 or more"),
        ({"beam_size": 65}, "beam_size is 65; it must be 64 or less"),
        ({"beam_size": "2"}, "beam_size is '2'; it must be a whole number"),
        ({"max_output_tokens": 0}, "max_output_tokens is 0"),
        ({"max_input_tokens": 1}, "max_input_tokens is 1; it must be 8 or more"),
        ({"batch_tokens": -1}, "batch_tokens is -1"),
        ({"temperature": 0}, "temperature is 0; it must be above 0"),
        ({"temperature": float("nan")}, "temperature is nan; it must be a number"),
        ({"method": "x"}, "method is 'x'; it must be nbest or sampling"),
        ({"with_logprob": 1}, "with_logprob is 1; it must be True or False"),
    ],
)
def test_search_settings_out_of_range_are_refused(values, said):
    with pytest.raises(RecipeError, match=said):
        Decoding(**values)


def test_search_settings_may_be_numpys_numbers():
    given = Decoding(candidates=np.int64(2), temperature=np.float32(0.5), max_input_tokens=None)
    assert given == Decoding(candidates=2, temperature=0.5, max_input_tokens=None)
    assert type(given.candidates) is int


def test_more_tokens_than_the_model_has_are_not_drawn_among(translator):
    with pytest.raises(RecipeError, match=r"topk: 1000000 is more than the 32000 tokens"):
        translator.translate(SENTENCES[:1], Decoding(method="sampling", topk=10**6))


def test_one_text_is_no_list_of_its_letters(translator):
    with pytest.raises(InputError, match=r"sentences is one text.*\['Hello\.'\]"):
        translator.translate("Hello.", Decoding())
    with pytest.raises(InputError, match="targets is one text"):
        translator.score(["a"], "b")


def test_sources_and_targets_are_as_many(translator):
    with pytest.raises(InputError, match="2 sources and 1 targets"):
        translator.score(["a", "b"], ["c"])
