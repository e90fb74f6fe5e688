"""BCP-47 tags and the codes of model families."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_augment import languages
from bt_augment.errors import LanguageError


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("PT", "pt"), ("pt_br", "pt-BR"), ("por", "pt"), ("por_Latn", "pt"), ("iw", "he"),
        ("zh-tw", "zh-TW"), ("zh_hant", "zh-Hant"), (" en ", "en"), ("sr-latn", "sr-Latn"),
    ],
)  # fmt: skip
def test_tags_are_written_the_standard_way(written: str, tag: str) -> None:
    assert languages.normalize_tag(written) == tag


@given(st.sampled_from(languages.FLORES_CODES))
def test_normalizing_twice_changes_nothing(code: str) -> None:
    tag = languages.normalize_tag(code)
    assert languages.normalize_tag(tag) == tag


@pytest.mark.parametrize("text", ["portugese", "q!", "xx", "", "und", "en--x", "en-gbb"])
def test_what_is_not_a_language_is_refused(text: str) -> None:
    with pytest.raises(LanguageError, match="BCP-47"):
        languages.normalize_tag(text)


@pytest.mark.parametrize("text", ["und", "mul", "MUL-US", "zxx", "mis", "und-Latn"])
def test_a_tag_that_names_no_language_is_refused_as_that(text: str) -> None:
    with pytest.raises(LanguageError, match="names no one language") as caught:
        languages.normalize_tag(text)
    assert "did you mean" not in str(caught.value)
    assert "is not a BCP-47" not in str(caught.value)


def test_a_language_name_suggests_its_tag() -> None:
    with pytest.raises(LanguageError, match="did you mean 'pt'"):
        languages.normalize_tag("portugese")


def test_every_flores_code_is_found_from_its_own_tag() -> None:
    assert len(languages.FLORES_CODES) == 202
    for code in languages.FLORES_CODES:
        assert languages.flores_code(code) == code


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("pt-BR", "por_Latn"), ("zh", "zho_Hans"), ("zh-TW", "zho_Hant"), ("zh-Hant", "zho_Hant"),
        ("sr", "srp_Cyrl"), ("ar", "arb_Arab"), ("ar-EG", "arb_Arab"), ("fa", "pes_Arab"),
        ("fa-AF", "prs_Arab"), ("no", "nob_Latn"), ("ko", "kor_Hang"), ("sw", "swh_Latn"),
        ("ms", "zsm_Latn"), ("ne", "npi_Deva"), ("lv", "lvs_Latn"), ("tl", "tgl_Latn"),
    ],
)  # fmt: skip
def test_macrolanguages_take_the_flores_code_of_their_standard(tag: str, code: str) -> None:
    assert languages.flores_code(tag) == code


def test_the_same_language_by_another_tag() -> None:
    assert languages.same_language("no", "nb")
    assert languages.same_language("pt_BR", "pt")
    assert not languages.same_language("nb", "nn")


@pytest.mark.parametrize("tag", ["sr-Latn", "sr-ME", "uz-AF", "la"])
def test_a_language_or_script_that_flores_lacks_is_refused(tag: str) -> None:
    with pytest.raises(LanguageError, match="FLORES-200"):
        languages.flores_code(tag)


def test_the_tables_are_those_of_transformers() -> None:
    nllb = pytest.importorskip("transformers.models.nllb.tokenization_nllb")
    m2m = pytest.importorskip("transformers.models.m2m_100.tokenization_m2m_100")
    mbart = pytest.importorskip("transformers.models.mbart50.tokenization_mbart50")
    assert list(languages.FLORES_CODES) == nllb.FAIRSEQ_LANGUAGE_CODES
    assert list(languages.M2M100_CODES) == m2m.FAIRSEQ_LANGUAGE_CODES["m2m100"]
    assert list(languages.MBART50_CODES) == mbart.FAIRSEQ_LANGUAGE_CODES


@pytest.mark.parametrize("text", ["a4f3-99c2", "portuguese2", "word " * 8])
def test_what_cannot_be_the_name_of_a_language_is_not_looked_for_among_them(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(languages, "_nearest_by_name", lambda _: " (did you mean it?)")
    with pytest.raises(LanguageError) as refused:
        languages.normalize_tag(text)
    assert "did you mean" not in str(refused.value)


def test_m2m100_and_mbart_codes() -> None:
    for code in languages.M2M100_CODES:
        tag = "nso" if code == "ns" else code  # "ns" is no tag; M2M-100 means Northern Sotho
        assert languages.m2m100_code(tag) == code
    for code in languages.MBART50_CODES:
        assert languages.mbart_code(code.split("_")[0]) == code
    assert languages.mbart_code("pt-BR") == "pt_XX"
    with pytest.raises(LanguageError, match="mBART-50"):
        languages.mbart_code("el")


@pytest.mark.parametrize("tag", ["zh-Hant", "zh-TW", "sr-Latn", "sr-ME", "kk-CN"])
def test_m2m100_and_mbart_refuse_a_script_that_their_code_does_not_stand_for(tag: str) -> None:
    for code in (languages.m2m100_code, languages.mbart_code):
        with pytest.raises(LanguageError, match=f"'{tag}' is in "):
            code(tag)
    assert languages.m2m100_code("zh-Hans-CN") == "zh"


@pytest.mark.parametrize(
    ("tag", "token"),
    [
        ("pt-BR", ">>pt_br<<"), ("pt", ">>por<<"), ("pt-PT", ">>por<<"), ("es-MX", ">>spa<<"),
        ("zh", ">>cmn_Hans<<"), ("zh-TW", ">>cmn_Hant<<"), ("sr-Latn", ">>srp_Latn<<"),
        ("nb", ">>nob<<"), ("no", ">>nob<<"),
    ],
)  # fmt: skip
def test_marian_takes_the_most_specific_token_it_has(tag: str, token: str) -> None:
    available = {
        ">>pt_br<<", ">>por<<", ">>spa<<", ">>cmn_Hans<<", ">>cmn_Hant<<", ">>srp_Latn<<",
        ">>srp_Cyrl<<", ">>nob<<", "▁pt",
    }  # fmt: skip
    assert languages.marian_target_token(tag, available) == token


def test_marian_names_what_it_has_when_the_language_is_missing() -> None:
    with pytest.raises(LanguageError, match="'de'; it has >>por<<"):
        languages.marian_target_token("de", {">>por<<", "▁de"})


@pytest.mark.parametrize(
    ("tag", "has"),
    [
        ("sr-Latn", ">>srp_Cyrl<<"), ("sr-ME", ">>srp_Cyrl<<"), ("sr", ">>srp_Latn<<"),
        ("zh-TW", ">>zho_Hans<<"), ("zh-TW", ">>zho<<"), ("zh", ">>zh_tw<<"), ("zh", ">>zh_x<<"),
        ("pt-PT", ">>pt_br<<"),
    ],
)  # fmt: skip
def test_marian_never_swaps_the_script_or_region_that_was_asked_for(tag: str, has: str) -> None:
    with pytest.raises(LanguageError, match=f"'{tag}'"):
        languages.marian_target_token(tag, {has})


def test_marian_takes_a_region_where_none_was_asked_for() -> None:
    assert languages.marian_target_token("pt", {">>pt_br<<"}) == ">>pt_br<<"
    assert languages.marian_target_token("zh", {">>zh_tw<<", ">>zh_cn<<"}) == ">>zh_cn<<"


def test_madlad_tokens() -> None:
    assert languages.madlad_code("pt-BR", {"<2pt>", "<2en>"}) == "<2pt>"
    assert languages.madlad_code("he", {"<2iw>"}) == "<2iw>"


@pytest.mark.parametrize(
    ("tag", "script"), [("ru", "Cyrl"), ("zh-TW", "Hant"), ("hi", "Deva"), ("ja", "Jpan")]
)
def test_the_likely_script(tag: str, script: str) -> None:
    assert languages.script_of(tag) == script


def test_tags_work_without_the_package_of_names() -> None:
    code = (
        "import sys; sys.modules['language_data'] = None\n"
        "from bt_augment import languages\n"
        "print(languages.flores_code('pt-BR'), languages.language_name('pt'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["por_Latn", "pt"]


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("pt-BR", "pt"), ("pt", "pt"), ("en_US", "en"), ("zh-TW", "zh-Hant"), ("zh-Hans-SG", "zh"),
        ("sr-Latn", "sr-Latn"), ("sr-RS", "sr"), ("es-419", "es"),
    ],
)  # fmt: skip
def test_a_language_is_one_whatever_its_region_and_another_in_another_script(tag, language):
    assert languages.without_region(tag) == language
