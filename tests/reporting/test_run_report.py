"""The report of a run in a real browser: what it says and lets one try, and that it is safe."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise

import numpy as np
import pytest
from made_runs import stored_filters, write_run
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bt_augment.errors import RunFolderError
from bt_augment.filtering.registry import all_scores
from bt_augment.reporting import run_scan, write_report
from bt_augment.reporting.examples import examples
from bt_augment.shards.manifest import read_manifest

METHODS = {score.name: score.methods for score in all_scores()}


def made(rows):
    return [row for row in rows if row["method"] != "native"]


@pytest.fixture
def all_made(finished, split_rows):
    return made(split_rows(finished, "train") + split_rows(finished, "rejected"))


def accepted_at(rows, filters):
    """Count the rows that pass, by the rules of docs/filters.md, from the stored scores alone."""

    def passes(row):
        for name, setting in filters.items():
            if not setting["enabled"] or row["method"] not in METHODS[name]:
                continue
            value = row["scores"][name]
            if value is None:
                if setting["on_null"] == "reject":
                    return False
                continue
            low, high = setting["min"], setting["max"]
            if low is not None and np.float32(value) < np.float32(low):
                return False
            if high is not None and np.float32(value) > np.float32(high):
                return False
        return True

    return sum(passes(row) for row in rows)


def result(page):
    return int(page.text("#what-if [data-out=accepted]").replace(",", ""))


def test_counts_and_tables_are_those_of_the_manifest(page, report, finished):
    totals = json.loads((finished / "manifest.json").read_bytes())["totals"]
    page.open(report)
    figures = [int(text) for text in page.all_texts("#flow .figure")]
    assert figures == [
        totals[key]
        for key in (
            "read", "native", "quarantined", "left_out", "candidates", "accepted", "rejected"
        )
    ]  # fmt: skip
    shown = zip(
        page.all_texts("#reasons tbody th"),
        page.all_texts("#reasons td.n:nth-of-type(1)"),
        strict=True,
    )
    assert {name: int(count) for name, count in shown} == totals["reasons"]
    rows = page.all_texts("#tables table:first-of-type tbody tr")
    for route, counts in totals["routes"].items():
        assert any(text.startswith(route) and str(counts["accepted"]) in text for text in rows)


def test_reasons_break_between_words_where_the_column_is_narrow(page, report, finished):
    page.open(report, width=400)
    shown = page.run("return document.querySelector('#reasons tbody code').innerHTML")
    name = page.run("return document.querySelector('#reasons tbody code').textContent")
    assert "<wbr>" in shown
    assert shown.replace("<wbr>", "") == name


def test_the_page_starts_at_the_verdicts_of_the_run(page, report, finished, all_made):
    page.open(report)
    assert result(page) == sum(not row["reject_reasons"] for row in all_made)
    assert result(page) == accepted_at(all_made, stored_filters(finished))
    assert page.text("[data-out=gained]") == page.text("[data-out=lost]") == "0"
    for card in page.data()["scores"]:
        codes = {f"{card['name']}.{side}" for side in ("low", "high", "null")}
        rejected = sum(bool(codes & set(row["reject_reasons"])) for row in all_made)
        alone = sum(
            bool(codes & set(row["reject_reasons"])) and not set(row["reject_reasons"]) - codes
            for row in all_made
        )
        shown = page.run(
            "const c = [...document.querySelectorAll('.card')].find((c) =>"
            " c.querySelector('h4').textContent === arguments[0]);"
            "const out = (name) => c.querySelector(`[data-out=${name}]`).textContent;"
            "return [out('rejected'), out('alone')]",
            card["name"],
        )
        assert shown == [str(rejected), str(alone)], card["name"]


def test_moved_thresholds_count_what_the_stored_scores_say(page, report, finished, all_made):
    page.open(report)
    filters = stored_filters(finished)
    draw = np.random.default_rng(7)
    cards = page.data()["scores"]
    for _ in range(25):
        card = cards[draw.integers(len(cards))]
        side = ("low", "high")[draw.integers(2)]
        stops = len(card["labels"])
        now = page.run(
            "const c = [...document.querySelectorAll('.card')].find((c) =>"
            " c.querySelector('h4').textContent === arguments[0]);"
            "return ['low', 'high'].map((s) => Number(c.querySelector(`[data-side=${s}]`).value))",
            card["name"],
        )
        at = int(draw.integers(-1, stops + 1))
        at = min(at, now[1], stops - 1) if side == "low" else max(at, now[0], 0)
        page.slide(card["name"], side, at)
        value = float(card["labels"][at]) if 0 <= at < stops else None
        filters[card["name"]] = {
            **filters[card["name"]],
            {"low": "min", "high": "max"}[side]: value,
        }
        assert result(page) == accepted_at(all_made, filters), (card["name"], side, value)
    by_route = page.all_texts("#what-if [data-out=now]")
    page.run("document.querySelector('#what-if details').open = true")
    by_route = page.all_texts("#what-if [data-out=now]")
    assert sum(int(text) for text in by_route) == result(page)
    page.driver.find_element(By.CSS_SELECTOR, "[data-do=reset]").click()
    page.settle()
    assert result(page) == accepted_at(all_made, stored_filters(finished))


def test_the_command_does_what_the_page_says(page, report, command, tmp_path):
    page.open(report)
    page.slide("fidelity.chrf", "low", 30)
    page.slide("question_answering.numbers_invented", "high", len(page.data()["scores"]))
    page.slide("text.question_length", "low", -1)
    words = shlex.split(page.text("#what-if [data-out=command]"))
    assert words[:2] == ["bt-augment", "filter"]
    assert words[-2:] == ["--out", "NEW_RUN"]
    done = command(*words[1:-1], tmp_path / "new", "--json")
    assert done.code == 0, done.err
    assert done.json["accepted"] == result(page)


def test_rows_without_any_scores_are_shown(finished, split_rows, tmp_path, command):
    rows = [{**row, "scores": None} for row in made(split_rows(finished, "train"))[:2]]
    run = write_run(tmp_path / "run", finished, [rows])
    assert write_report([str(run)], tmp_path / "report.html").counts["examples"] == 2
    seen = command("inspect", run)
    assert seen.code == 0, seen.err


@pytest.mark.parametrize(("tag", "compared"), [("en", True), ("en-GB", True), ("pt", False)])
def test_texts_of_one_language_are_compared_whatever_the_regions(
    finished, split_rows, tmp_path, tag, compared
):
    rows = split_rows(finished, "train")
    row = next(row for row in made(rows) if row["method"] == "round_trip")
    native = next(n for n in rows if n["id"] == row["source_id"])
    row |= {"method": "translation", "route": ["en", tag], "question": "Which new words?"}
    row |= {"question_lang": tag, "passage_lang": tag}
    run = write_run(tmp_path / "run", finished, [[native, row]])
    manifest = read_manifest(run)
    (shown,) = examples(run, manifest, run_scan.scan(run, manifest, []), [0])
    before = shown.texts["question"][0]
    assert (before.language, before.parts != [(native["question"], True)]) == ("en", compared)


def test_a_row_without_text_is_accepted_at_no_thresholds(page, finished, split_rows, tmp_path):
    # Given rows that all scores accept, one of a pair that was too long to be translated
    rows = made(split_rows(finished, "train"))[:4]
    rows[0] |= {"passage": "", "reject_reasons": ["text.passage_length.low"]}
    run = write_run(tmp_path / "run", finished, [rows])
    write_report([str(run)], tmp_path / "report.html")
    page.open(tmp_path / "report.html")
    assert result(page) == 3
    # When a floor is moved, the page still counts as filter would
    page.slide("text.passage_length", "low", -1)
    assert result(page) == 3
    assert page.text("[data-out=gained]") == page.text("[data-out=lost]") == "0"


def test_values_that_are_unknown_can_be_let_pass(page, finished, split_rows, tmp_path):
    rows = made(split_rows(finished, "train"))[:8]
    for row in rows:
        row["scores"]["fidelity.passage_chrf"] = None
        row["reject_reasons"] = ["fidelity.passage_chrf.null"] if len(row["route"]) == 3 else []
    run = write_run(tmp_path / "run", finished, [rows])
    write_report([str(run)], tmp_path / "report.html")
    page.open(tmp_path / "report.html")
    before = result(page)
    # Another score may be unknown for some of these rows: take the box of the one meant
    card = "//article[.//*[contains(., 'fidelity.passage_chrf')]]"
    box = page.driver.find_element(By.XPATH, f"{card}//input[@data-side='null']")
    page.run("arguments[0].scrollIntoView({block: 'center'})", box)
    box.click()
    page.settle()
    assert result(page) == len(rows) > before
    assert "filters.fidelity.passage_chrf.on_null=pass" in page.text("[data-out=command]")


def test_a_large_run_is_estimated_from_a_sample_that_says_so(
    page, finished, all_made, tmp_path, monkeypatch
):
    monkeypatch.setattr(run_scan.scan, "__defaults__", (100, 0))
    write_report([str(finished)], tmp_path / "report.html")
    page.open(tmp_path / "report.html")
    assert page.data()["rows"] == 100
    shown = page.text("#what-if [data-out=accepted]")
    assert shown.startswith("≈ ")
    truth = sum(not row["reject_reasons"] for row in all_made)
    assert int(shown.removeprefix("≈ ")) == pytest.approx(truth, rel=0.15)
    assert "a uniform sample of 100" in page.text("#thresholds")


def test_pairs_are_filtered_searched_and_turned(page, report):
    page.open(report)
    pairs = page.run(
        "return [...document.querySelectorAll('.pair')].map((p) => "
        "({...p.dataset, text: [...p.querySelectorAll('[data-text]')]"
        ".map((t) => t.textContent).join(' ')}))"
    )

    def expect(fits):
        number = sum(bool(fits(pair)) for pair in pairs)
        status = page.text("#examples [data-out=status]")
        assert status.startswith(f"{number} of {len(pairs)} pairs fit")
        assert len(page.all_texts(".pair")) == min(10, number)

    expect(lambda pair: True)
    page.choose("route", "en:pt")
    expect(lambda pair: pair["route"] == "en:pt")
    page.choose("verdict", "rejected")
    expect(lambda pair: pair["route"] == "en:pt" and pair["reasons"])
    page.choose("route", "")
    reason = "question_answering.numbers_invented.high"
    page.choose("reason", reason)
    expect(lambda pair: reason in pair["reasons"].split())
    page.choose("reason", "")
    page.choose("verdict", "")
    page.choose("search", "LIGHTHOUSE")
    expect(lambda pair: "lighthouse" in pair["text"].lower())
    page.choose("search", "no such words")
    expect(lambda pair: False)
    page.choose("search", "")
    first = page.all_texts(".pair h3")
    page.run("document.querySelector('[data-turn=\"1\"]').click()")
    assert not set(first) & set(page.all_texts(".pair h3"))
    page.run("document.querySelector('[data-turn=\"-1\"]').click()")
    assert page.all_texts(".pair h3") == first


def test_pairs_whose_verdict_would_change_can_be_shown(page, report):
    page.open(report)
    page.choose("verdict", "lost")
    assert page.all_texts(".pair") == []
    page.slide("text.question_length", "low", 40)
    lost = page.all_texts(".pair [data-out=change]")
    assert lost
    assert set(lost) == {"would be rejected"}


def test_pairs_are_drawn_of_every_kind(report, page, all_made):
    page.open(report)
    shown = page.run(
        "return [...document.querySelectorAll('.pair')].map((p) =>"
        " p.dataset.route + ' ' + p.dataset.reasons.split(' ')[0])"
    )
    kinds = {f"{':'.join(r['route'])} {(r['reject_reasons'] or [''])[0]}" for r in all_made}
    assert set(shown) == kinds
    assert len(shown) == 200


def test_words_that_differ_are_marked_in_round_trips_alone(page, report):
    page.open(report)
    pair = ".pair[data-route='en:pt:en']"
    assert page.run(f'return document.querySelectorAll("{pair} .native del").length') > 0
    assert page.run(f'return document.querySelectorAll("{pair} .made ins").length') > 0
    assert (
        page.run("return document.querySelectorAll(\".pair[data-route='en:pt'] del\").length") == 0
    )


HOSTILE = (
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 2'><svg onload='window.pwned = 3'>",
    "\" onmouseover=\"window.pwned = 4\" x=\"' autofocus onfocus='window.pwned = 5'",
    "<!-- <![CDATA[ ]]> --> &lt;b&gt; &amp;#60;script> {{ 7 * 7 }} {% raw %}",
    "<base href='http://192.0.2.1/'><link rel=stylesheet href='http://192.0.2.1/a.css'>",
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'><style>*{display:none}</style>",
    "\u2028\u2029\u202e\ufeff\x00\x1b[31m\x85 👩‍👩‍👧‍👦🏳️‍🌈 e\u0301\u0301\u0301",
    "مرحبا بالعالم، كيف حالك؟ 123 <b>",
)  # fmt: skip


@pytest.fixture(scope="module")
def hostile(finished, split_rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    rows = split_rows(finished, "train")[:2]
    template = next(row for row in split_rows(finished, "rejected") if len(row["route"]) == 3)
    for number, text in enumerate(HOSTILE):
        rows.append(
            {
                **template, "id": f"{number}{text}", "source_id": text, "question": text,
                "passage": text * 3, "pivot_question": text, "pivot_passage": text,
                "question_lang": "ar", "passage_lang": "ar", "title": text,
                "answers": [{"text": text, "start": 0}], "route": ["en", text, "en"],
                "reject_reasons": [f"{text}.high"],
            }
        )  # fmt: skip
    rows.append({**template, "id": "long", "source_id": "long", "passage": "word <b> " * 120_000})
    run = write_run(folder / "a <b>&amp; 'run'", finished, [rows])
    write_report([str(run)], folder / "report.html")
    return folder / "report.html"


def test_text_of_the_data_is_text(page, hostile):
    page.open(hostile)
    page.settle()
    assert page.run("return window.pwned ?? null") is None
    assert page.console() == []
    assert [url for url in page.requests() if not url.startswith(("file:", "data:"))] == []
    assert page.run("return performance.getEntriesByType('resource').length") == 0
    assert page.run("return document.scripts.length") == 2
    assert page.run("return document.querySelectorAll('img, iframe, base, object').length") == 0
    for number, text in enumerate(HOSTILE):
        shown = page.run(
            "return [...document.querySelectorAll('.pair')].find((p) => p.querySelector('h3')"
            ".textContent.startsWith(arguments[0])).querySelector('.made [data-text]').textContent",
            str(number),
        )
        assert shown == text.replace("\x00", "�")
    page.slide("text.question_length", "low", 1)
    page.choose("search", "<script>")
    assert page.console() == []
    assert page.run("return window.pwned ?? null") is None


def test_right_to_left_text_runs_right_to_left(page, hostile):
    page.open(hostile)
    direction = page.run(
        "return [...document.querySelectorAll('.made [data-text]')].filter((p) =>"
        " p.textContent.startsWith('مرحبا')).map((p) => [getComputedStyle(p).direction, p.lang])"
    )
    assert ["rtl", "ar"] in direction


def test_a_passage_of_a_megabyte_does_not_swell_the_page(page, hostile):
    assert hostile.stat().st_size < 1_000_000
    page.open(hostile)
    assert "1,077,000 characters more" in page.text("#examples")


def test_nothing_may_be_loaded_even_if_a_script_tried(page, report):
    page.open(report)
    blocked = page.driver.execute_async_script(
        "const done = arguments[0];"
        "document.addEventListener('securitypolicyviolation', (e) => done(e.effectiveDirective));"
        "new Image().src = 'http://192.0.2.1/x.png'"
    )
    assert blocked == "img-src"


def test_all_but_the_moving_is_there_without_javascript(page, report):
    page.open(report, script=False)
    try:
        source = page.driver.page_source
        assert "Moving thresholds and filtering pairs need JavaScript" in source
        pairs = re.findall(r'<article class="pair"[^>]*>', source)
        assert len(pairs) == 200
        assert not any(" hidden" in pair for pair in pairs)
        shown = page.cdp("Accessibility.getFullAXTree")["nodes"]
        names = [node.get("name", {}).get("value", "") for node in shown if not node["ignored"]]
        assert "Reject reasons" in names
        assert any(name.startswith("Histogram of fidelity.chrf") for name in names)
    finally:
        page.cdp("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_stands_out_from_its_ground(page, report, dark):
    page.open(report, dark=dark)
    page.slide("text.question_length", "low", 40)
    page.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.low_contrasts() == []


@pytest.mark.parametrize("name", ["report", "hostile"])
def test_a_phone_shows_the_page_without_scrolling_sideways(page, request, name):
    page.open(request.getfixturevalue(name), width=320)
    assert page.run("return document.documentElement.scrollWidth") == 320
    page.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.run("return document.documentElement.scrollWidth") == 320


def test_thresholds_and_pairs_are_worked_by_keyboard(page, report):
    page.open(report)
    before = result(page)
    slider = page.driver.find_element(
        By.CSS_SELECTOR, "[aria-label='Floor of text.question_length']"
    )
    page.run("arguments[0].focus()", slider)
    slider.send_keys(Keys.PAGE_UP, Keys.PAGE_UP, Keys.PAGE_UP, Keys.ARROW_RIGHT)
    page.settle()
    assert result(page) < before
    assert slider.get_attribute("aria-valuetext") not in (None, "none", "8")
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    slider.send_keys(Keys.END)
    page.settle()
    assert slider.get_attribute("aria-valuetext") == "600"  # a floor stops at the ceiling
    focus = (
        "const e = document.activeElement;"
        "return [e.tagName, e.name ?? '', e.dataset.turn ?? '', e.getAttribute('href') ?? '']"
    )
    reached = set()
    page.run("[...document.querySelectorAll('.card input[type=range]')].at(-1).focus()")
    while len(reached) < 40 and ("BUTTON", "", "1", "") not in reached:
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(tuple(page.run(focus)))
    assert {name for tag, name, *_ in reached if tag == "SELECT"} == {"route", "verdict", "reason"}
    assert ("INPUT", "search", "", "") in reached
    assert ("BUTTON", "", "1", "") in reached
    page.open(report)
    page.driver.switch_to.active_element.send_keys(Keys.TAB)
    assert page.run(focus)[3] == "#main"


def test_a_screen_reader_finds_its_way(page, report):
    page.open(report)
    headings = page.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))"
    )
    assert headings.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(headings))
    assert (
        page.run("return document.querySelectorAll('main, header, footer, nav[aria-label]').length")
        == 4
    )
    assert page.run("return [...document.querySelectorAll('table')].every((t) => t.caption)")
    assert page.run("return document.documentElement.lang") == "en"
    assert page.run(
        "return [...document.querySelectorAll('svg')].every((s) =>"
        " s.ariaHidden === 'true' || (s.role === 'img' && s.ariaLabel))"
    )
    unnamed = [
        node
        for node in page.cdp("Accessibility.getFullAXTree")["nodes"]
        if node.get("role", {}).get("value")
        in ("slider", "combobox", "searchbox", "button", "checkbox", "link", "region", "image")
        and not node["ignored"]
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


def test_the_same_run_gives_the_same_bytes(finished, report, tmp_path):
    write_report([str(finished)], tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == report.read_bytes()


def test_a_run_that_rejected_nothing_and_one_that_made_nothing_are_shown(
    page, finished, split_rows, tmp_path
):
    natives = [row for row in split_rows(finished, "train") if row["method"] == "native"]
    for name, rows in (("native", natives[:5]), ("good", split_rows(finished, "train")[:6])):
        run = write_run(tmp_path / name, finished, [rows])
        write_report([str(run)], tmp_path / f"{name}.html")
        page.open(tmp_path / f"{name}.html")
        assert page.console() == []
        assert "Nothing was rejected" in page.text("#reasons")


def test_a_damaged_run_is_refused(copied, tmp_path):
    shard = next((copied / "train").glob("*.arrow"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(RunFolderError, match="SHA-256 differs"):
        write_report([str(copied)], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_the_settings_of_another_run_are_no_report(copied, tmp_path):
    run = copied / "run.json"
    run.write_text(run.read_text().replace("{", "{ ", 1))
    with pytest.raises(RunFolderError, match=r"run\.json: its SHA-256 differs"):
        write_report([str(copied)], tmp_path / "report.html")
