"""The report of results in a real browser."""

from __future__ import annotations

import json

import pytest
from selenium.webdriver.support.select import Select

from bt_augment.errors import InputError
from bt_augment.evaluation import compare
from bt_augment.reporting import write_report

METRIC = "RR@20"


def source(arm):
    return f"{arm.name}={','.join(map(str, arm.results))}"


@pytest.fixture
def shown(page, tmp_path):
    """Write a report of arms and open it."""

    def show(*arms, **options):
        write_report([source(arm) for arm in arms], tmp_path / "out.html", metric=METRIC)
        return page.open(tmp_path / "out.html", **options)

    return show


def test_the_comparison_is_that_of_compare(shown, arm):
    arms = [arm("native"), arm("both", mono=0.85)]
    page = shown(*arms)
    rows = page.run(
        "return [...document.querySelectorAll('#comparison-1 table')[0].tBodies[0].rows].map((r) =>"
        " [...r.cells].map((c) => c.textContent.trim()))"
    )
    lines = compare(arms, METRIC).lines
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert row[:3] == [line.setting, line.arm, f"{line.mean:.4f}"]
        if line.effect:
            assert row[3] == f"{line.effect.effect:+.4f}".replace("-", "−")
            interval = f"[{line.effect.low:+.4f}, {line.effect.high:+.4f}]".replace("-", "−")
            assert row[4] == interval
            assert row[6] == (f"{line.corrected:.4f}" if line.corrected >= 1e-4 else "<0.0001")


def test_the_lead_says_of_how_much(shown, arm):
    # Given results of a small set in the form of a known benchmark, then the page tells its size
    assert shown(arm("native"), arm("both")).text(".lead") == "2 arms on xtyle (120 queries)."


def test_heat_maps_show_the_numbers_of_the_results(shown, arm):
    arms = [arm("a", seeds=1), arm("b", better=("pt", "en"))]
    page = shown(*arms)
    cells = page.all_texts("[data-measure='RR@20'] .heat td:not(:empty)")
    expected = [
        f"{value:.3f}".replace("0.", ".", 1)
        for each in arms
        for row in json.loads(each.results[0].read_bytes())["matrix"][METRIC].values()
        for value in row.values()
    ]
    assert cells == expected
    sure = page.all_texts("#pairs-1 .sure")
    assert any(text.startswith("+.3") for text in sure)


def test_one_measure_is_shown_at_a_time(shown, arm):
    page = shown(arm("a", measures=(METRIC, "AP")), arm("b", measures=(METRIC, "AP")))
    assert len(page.all_texts("[data-measure]")) == 1
    Select(page.driver.find_element("css selector", "[data-choose] select")).select_by_visible_text(
        "AP"
    )
    assert page.run("return document.querySelector(\"[data-measure='AP']\").checkVisibility()")
    assert len(page.all_texts("[data-measure]")) == 1


def test_arms_that_differ_in_alpha_are_curves_with_intervals(shown, arm):
    page = shown(*(arm(f"alpha {alpha}", alpha=alpha, seeds=2) for alpha in (0.0, 0.5, 1.0)))
    assert page.all_texts("#curves-1 figcaption") == [
        f"{METRIC}, {setting}, with 95 % interval"
        for setting in ("mono: one language", "cross: two languages", "multi: all in one pool")
    ]
    assert page.run("return document.querySelectorAll('#curves-1 .interval').length") == 9
    assert page.console() == []


def test_results_without_scores_per_query_are_shown_without_tests(shown, arm):
    arms = [arm("a"), arm("b")]
    arms[1].results[0].with_suffix(".per_query.parquet").unlink()
    page = shown(*arms)
    assert "do not lie beside all results" in page.text(".note")
    assert page.all_texts(".heat td:not(:empty)")


def test_benchmarks_have_a_part_each(shown, arm):
    arms = [arm("a"), arm("b")]
    path = arms[1].results[0]
    path.write_text(json.dumps({**json.loads(path.read_text()), "benchmark": "mlqa-r"}))
    page = shown(*arms)
    assert page.all_texts("section[id^=comparison] h2") == [
        "Comparison on xtyle", "Comparison on mlqa-r"
    ]  # fmt: skip


def test_hostile_names_are_text(shown, arm):
    name = "</style><script>window.pwned++</script>\u202e"
    page = shown(arm("a", languages=("en", "<b>")), arm(name, languages=("en", "<b>")))
    assert page.run("return window.pwned ?? null") is None
    assert page.run("return document.scripts.length") == 1
    assert name in page.all_texts("#comparison-1 tbody th")
    assert page.console() == []
    assert [url for url in page.requests() if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("dark", [False, True])
def test_results_are_read_in_light_and_dark_and_on_a_phone(shown, arm, dark):
    arms = [arm(f"a{n}", alpha=n, mono=0.5 + n / 5, cross=0.2 + n / 3) for n in (0.0, 0.5, 1.0)]
    page = shown(*arms, dark=dark, width=320)
    assert page.run("return document.documentElement.scrollWidth") == 320
    assert page.low_contrasts() == []
    assert page.run("return [...document.querySelectorAll('table')].every((t) => t.caption)")


@pytest.mark.parametrize(
    "changes",
    [{"matrix": 5}, {"settings": {"mono": {METRIC: "high"}}}, {"training": {"alpha": "x"}},
     {"counts": [1]}, {"language_bias": {"peer": None}}],
)  # fmt: skip
def test_a_damaged_results_file_is_named(arm, tmp_path, changes):
    path = arm("a").results[0]
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(InputError, match=f"{path.name}.*{next(iter(changes))}"):
        write_report([str(path)], tmp_path / "out.html")


def test_a_misspelled_measure_gets_a_suggestion(arm, tmp_path):
    with pytest.raises(InputError, match="did you mean 'RR@20'"):
        write_report([source(arm("a"))], tmp_path / "out.html", metric="RR@10")


def test_one_question_has_no_interval_and_is_no_crash(shown, arm):
    arms = [arm(f"alpha {alpha}", alpha=alpha, questions=1) for alpha in (0.0, 1.0)]
    page = shown(*arms)
    assert page.console() == []


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_question_is_no_evidence(arm, tmp_path, seeds):
    arms = [arm(f"{mean}", mono=mean, questions=1, seeds=seeds, alpha=mean) for mean in (0.2, 0.9)]
    write_report([source(one) for one in arms], tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text()
    assert '[−inf, +inf]</td><td class="n">1.0000</td><td class="n">1.0000</td>' in page
    assert "&lt;0.0001" not in page
    assert 'class="n better"' not in page


def test_cells_that_were_not_measured_are_empty(shown, arm):
    only = arm("a")
    path = only.results[0]
    content = json.loads(path.read_text())
    content["matrix"][METRIC]["en"]["pt"] = float("nan")
    del content["matrix"][METRIC]["pt"]["en"]
    path.write_text(json.dumps(content))
    assert shown(only).all_texts(".heat td:not(:empty)").count("–") == 2


@pytest.mark.parametrize("suffix", [".json", ".per_query.parquet"])
def test_a_report_never_replaces_what_it_is_made_of(arm, tmp_path, suffix):
    arms = [arm("a"), arm("b")]
    own = arms[1].results[0].with_suffix(suffix)
    before = own.read_bytes()
    with pytest.raises(InputError, match=f"{own.name}: is what the report is made of"):
        write_report(map(source, arms), own)
    assert own.read_bytes() == before


@pytest.mark.parametrize("name", ["examples", "seed"])
def test_a_number_below_0_is_refused(arm, tmp_path, name):
    with pytest.raises(InputError, match=f"{name}: is -1"):
        write_report([source(arm("a"))], tmp_path / "out.html", **{name: -1})


def test_sources_may_come_one_by_one(arm, tmp_path):
    write_report((source(made) for made in (arm("a"), arm("b"))), tmp_path / "out.html")
    assert (tmp_path / "out.html").is_file()
