"""BCP-47 tags, and the codes that each model family uses for the same language."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Collection, Iterator
from functools import cache, lru_cache

import langcodes
from langcodes.tag_parser import LanguageTagError

from bt_augment.errors import LanguageError, did_you_mean

# FLORES-200, as NLLB's tokenizer spells it (Costa-jussà et al. 2022, table 1).
FLORES_CODES = tuple(
    """
    ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn amh_Ethi apc_Arab
    arb_Arab ars_Arab ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn
    bak_Cyrl bam_Latn ban_Latn bel_Cyrl bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt
    bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn ckb_Arab crh_Latn cym_Latn
    dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn
    ewe_Latn fao_Latn pes_Arab fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gla_Latn
    gle_Latn glg_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn
    hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kab_Latn
    kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor knc_Arab knc_Latn kaz_Cyrl kbp_Latn
    kea_Latn khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kon_Latn kor_Hang kmr_Latn lao_Laoo
    lvs_Latn lij_Latn lim_Latn lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn
    luo_Latn lus_Latn mag_Deva mai_Deva mal_Mlym mar_Deva min_Latn mkd_Cyrl plt_Latn mlt_Latn
    mni_Beng khk_Cyrl mos_Latn mri_Latn zsm_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva
    nso_Latn nus_Latn nya_Latn oci_Latn gaz_Latn ory_Orya pag_Latn pan_Guru pap_Latn pol_Latn
    por_Latn prs_Arab pbt_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng
    scn_Latn shn_Mymr sin_Sinh slk_Latn slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn
    spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn szl_Latn tam_Taml
    tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi taq_Latn taq_Tfng tpi_Latn tsn_Latn
    tso_Latn tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab
    uzn_Latn vec_Latn vie_Latn war_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans
    zho_Hant zul_Latn
    """.split()  # noqa: SIM905 - a table reads better than 202 quoted strings
)

M2M100_CODES = tuple(
    """
    af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu
    ha he hi hr ht hu hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr
    ms my ne nl no ns oc or pa pl ps pt ro ru sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk
    ur uz vi wo xh yi yo zh zu
    """.split()  # noqa: SIM905
)

MBART50_CODES = tuple(
    """
    ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT
    lv_LV my_MM ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN af_ZA az_AZ bn_IN fa_IR he_IL
    hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF pt_XX sv_SE sw_KE ta_IN te_IN
    th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI
    """.split()  # noqa: SIM905
)

# BCP-47 prefers the macrolanguage, FLORES names its usual standard (ISO 639-3 table of
# macrolanguages). The individual language on the right reads the macrolanguage's models too.
_STANDARD_OF_MACRO = {
    "ar": "arb", "ay": "ayr", "az": "azj", "din": "dik", "et": "ekk", "fa": "pes", "ff": "fuv",
    "fil": "tgl", "kr": "knc", "ku": "kmr", "lv": "lvs", "mg": "plt", "mn": "khk", "ms": "zsm",
    "ne": "npi", "no": "nb", "om": "gaz", "or": "ory", "ps": "pbt", "qu": "quy", "sq": "als",
    "sw": "swh", "uz": "uzn", "yi": "ydd", "zh": "cmn",
}  # fmt: skip
_MACRO_OF_STANDARD = {individual: macro for macro, individual in _STANDARD_OF_MACRO.items()}

# Codes that a family kept after BCP-47 replaced or renamed them.
_OLD_CODES = {"fil": "tl", "he": "iw", "id": "in", "jv": "jw", "nso": "ns", "sr": "sh", "yi": "ji"}

# RFC 5646, section 4.4.1: no tag without private parts needs more than 35 characters. A text put
# in the wrong column would else take seconds to be told from a tag.
_LONGEST_TAG = 100
_LONGEST_NAME = 30  # characters of what may be the name of a language, slips included

_REMEMBERED = 10_000  # tags; bounded, as rows may name any number of private ones

# Tags of "undetermined", "multiple", "no linguistic content" and "uncoded"; langcodes reads und as
# None.
_NO_ONE_LANGUAGE = (None, "mul", "zxx", "mis")


@lru_cache(maxsize=_REMEMBERED)
def normalize_tag(text: str) -> str:
    """Return ``text`` as a standard BCP-47 tag: ``PT_br`` → ``pt-BR``, ``por_Latn`` → ``pt``.

    Raises:
        LanguageError: not a valid tag, or not of one known language; the message suggests one.
    """
    if len(text) > _LONGEST_TAG:
        raise _unknown(f"{text[:_LONGEST_TAG]}…")
    try:
        language = langcodes.get(langcodes.standardize_tag(text.strip()))
    except LanguageTagError:
        raise _unknown(text) from None
    if not language.is_valid() or language.extlangs:
        raise _unknown(text)
    if language.language in _NO_ONE_LANGUAGE:
        raise LanguageError(
            f"{text!r} is a BCP-47 tag, but names no one language; write the language of the text, "
            "such as en, pt-BR or zh-Hant"
        )
    return language.simplify_script().to_tag()


def is_tag(text: str) -> bool:
    """Tell whether ``text`` is a tag that :func:`normalize_tag` takes, without spaces around it."""
    try:
        normalize_tag(text)
    except LanguageError:
        return False
    return text == text.strip()


def language_name(tag: str) -> str:
    """Return the English name of a language, or the tag where no names are installed."""
    language = langcodes.get(normalize_tag(tag))
    return language.display_name() if _has_names() else language.to_tag()


@lru_cache(maxsize=_REMEMBERED)
def script_of(tag: str) -> str:
    """Return the ISO 15924 code of the script a language is most likely written in."""
    return langcodes.get(normalize_tag(tag)).maximize().script or "Zyyy"


def same_language(one: str, other: str) -> bool:
    """Return whether two tags name one language, whatever the region: ``no`` and ``nb`` do."""
    first, second = language_of(one), language_of(other)
    return first in _relatives(second) or second in _relatives(first)


@lru_cache(maxsize=_REMEMBERED)
def without_region(tag: str) -> str:
    """Return the tag of a language in a script: ``pt`` of ``pt-BR``, ``zh-Hant`` of ``zh-TW``.

    The script is left out where it is the one that the language is most likely written in.
    """
    name, script = language_of(tag), script_of(tag)
    return name if script == script_of(name) else f"{name}-{script}"


@lru_cache(maxsize=_REMEMBERED)
def flores_code(tag: str) -> str:
    """Return the FLORES-200 code that NLLB uses: ``pt`` → ``por_Latn``, ``zh`` → ``zho_Hans``.

    Raises:
        LanguageError: the language, or the script asked for, is not in FLORES-200.
    """
    language = langcodes.get(normalize_tag(tag))
    if language.language == "fa" and language.territory == "AF":
        return "prs_Arab"  # BCP-47 writes Dari as fa-AF
    name = str(language.language)
    codes = next((c for n in _relatives(name) if (c := _flores_by_language().get(n))), {})
    script = script_of(tag)
    if script in codes:
        return codes[script]
    if codes and (script == script_of(name) or f"{name}-{script}" == "sat-Olck"):
        # Likely scripts are a guess for rare languages, and NLLB calls Ol Chiki sat_Beng.
        return next(iter(codes.values()))
    raise _not_in_family(tag, "NLLB (FLORES-200)", FLORES_CODES)


def m2m100_code(tag: str) -> str:
    """Return M2M-100's code: ``pt-BR`` → ``pt``, ``nso`` → ``ns``, ``fil`` → ``tl``.

    Raises:
        LanguageError: the language is not one of M2M-100's hundred, or is to be in another script
            (``zh-Hant``) than the one that its code stands for.
    """
    _refuse_other_script(tag, "M2M-100")
    for name in _relatives(language_of(tag)):
        for code in (name, _OLD_CODES.get(name)):
            if code in M2M100_CODES and code is not None:
                return code
    raise _not_in_family(tag, "M2M-100", M2M100_CODES)


def mbart_code(tag: str) -> str:
    """Return mBART-50's code: ``pt`` → ``pt_XX``, ``ar`` → ``ar_AR``.

    Raises:
        LanguageError: the language is not one of mBART-50's, or is to be in another script
            (``sr-Latn``) than the one that its code stands for.
    """
    _refuse_other_script(tag, "mBART-50")
    by_language = {code.split("_")[0]: code for code in MBART50_CODES}
    for name in _relatives(language_of(tag)):
        for code in (name, _OLD_CODES.get(name, "")):
            if code in by_language:
                return by_language[code]
    raise _not_in_family(tag, "mBART-50", MBART50_CODES)


def madlad_code(tag: str, available: Collection[str]) -> str:
    """Return MADLAD-400's token for a target language, ``<2pt>``, among those the model has.

    Raises:
        LanguageError: no token in ``available`` names the language.
    """
    for name in _spellings(tag):
        if (token := f"<2{name}>") in available:
            return token
    raise _not_in_family(tag, "this MADLAD model", [t for t in available if t.startswith("<2")])


def marian_target_token(tag: str, available: Collection[str]) -> str:
    """Return the token that selects the target of a multi-target Marian model.

    Args:
        tag: the target language.
        available: the model's vocabulary, or those of its tokens written ``>>xxx<<``.

    Returns:
        The most specific of ``>>pt_br<<``, ``>>por_Latn<<``, ``>>por<<``, ``>>pt<<`` … in
        ``available``; a token of some region where the tag names none.

    Raises:
        LanguageError: no token in ``available`` names the language.
    """
    spellings = list(_spellings(tag))
    for name in spellings:
        if (token := f">>{name}<<") in available:
            return token
    targets = sorted(t for t in available if t.startswith(">>") and t.endswith("<<"))
    if langcodes.get(normalize_tag(tag)).territory is None:
        for name in spellings:
            for token in targets:  # only pt_br is there and plain pt is asked for
                if token.startswith(f">>{name}_") and _is_in_script_of(tag, token[2:-2]):
                    return token
    raise _not_in_family(tag, "this Marian model", targets)


def _is_in_script_of(tag: str, code: str) -> bool:
    other = code.replace("_", "-")
    return is_tag(other) and script_of(other) == script_of(tag)


def _spellings(tag: str) -> Iterator[str]:
    """Yield the ways in which models write a language, the most specific first."""
    language = langcodes.get(normalize_tag(tag))
    names: list[str] = []
    for name in _relatives(str(language.language)):
        names += [name, langcodes.get(name).to_alpha3()]
        if old := _OLD_CODES.get(name):
            names.append(old)
    for qualifier in (language.territory, script_of(tag)):
        if qualifier:
            yield from (f"{n}_{q}" for n in names for q in (qualifier, qualifier.lower()))
    if script_of(tag) == script_of(str(language.language)):  # sr-Latn is not Cyrillic Serbian
        yield from names


def _relatives(name: str) -> Iterator[str]:
    """Yield a language, then the macrolanguage or the standard that stands for it."""
    yield name
    for table in (_STANDARD_OF_MACRO, _MACRO_OF_STANDARD):
        if name in table:
            yield table[name]


@cache
def _flores_by_language() -> dict[str, dict[str, str]]:
    """Return FLORES codes by BCP-47 language, then by script."""
    table: dict[str, dict[str, str]] = {}
    for code in FLORES_CODES:
        if code == "prs_Arab":
            continue  # BCP-47 makes it Persian of Afghanistan
        name, script = code.split("_")
        table.setdefault(language_of(name), {})[script] = code
    table["ko"]["Kore"] = table["ko"]["Hang"]  # BCP-47: Hangul with some Han
    return table


def language_of(tag: str) -> str:
    """Return a tag without script and region: ``pt`` of ``pt-BR``."""
    return str(langcodes.get(normalize_tag(tag)).language)


def _has_names() -> bool:
    """Return whether langcodes knows names; it prints advice if asked for them in vain."""
    return importlib.util.find_spec("language_data") is not None


@lru_cache(maxsize=1_000)  # an input may say it in every row
def _hint(text: str) -> str:
    if not _has_names() or not text.isprintable():  # half a surrogate pair breaks the lookup
        return ""
    if len(text) > _LONGEST_NAME or any(c.isdigit() for c in text):  # an id, a text: no language
        return ""
    try:
        return f" (did you mean {langcodes.find(text).to_tag()!r}?)"
    except LookupError:
        return _nearest_by_name(text)


def _unknown(text: str) -> LanguageError:
    return LanguageError(
        f"{text!r} is not a BCP-47 language tag{_hint(text)}; write tags such as en, "
        "pt-BR or zh-Hant"
    )


@cache
def _tags_by_name() -> dict[str, str]:
    return {language_name(c).lower(): normalize_tag(c) for c in FLORES_CODES}


def _nearest_by_name(text: str) -> str:
    by_name = _tags_by_name()
    near = difflib.get_close_matches(text.strip().lower(), by_name, n=1, cutoff=0.7)
    if near:
        return f" (did you mean {by_name[near[0]]!r}, {near[0].title()}?)"
    return did_you_mean(text, by_name.values())


def _refuse_other_script(tag: str, family: str) -> None:
    name, script = language_of(tag), script_of(tag)
    if script != script_of(name):
        raise LanguageError(
            f"{family} has {name!r} in the script {script_of(name)} only, and {tag!r} is in "
            f"{script}; take a model that has it, or write {name} if the text is in the other"
        )


def _not_in_family(tag: str, family: str, known: Collection[str]) -> LanguageError:
    if len(known) > 12:
        shown = f"{len(known)} others, such as {', '.join(sorted(known)[:6])}"
    else:
        shown = ", ".join(sorted(known)) or "none"
    return LanguageError(f"{family} does not know the language {tag!r}; it has {shown}")
