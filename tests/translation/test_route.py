import pytest

from bt_augment.errors import LanguageError, RouteError
from bt_augment.translation.route import Route


@pytest.mark.parametrize(
    ("text", "method", "hops"),
    [
        ("en:pt:en", "round_trip", (("en", "pt"), ("pt", "en"))),
        ("en:pt", "translation", (("en", "pt"),)),
        ("pt:en:es", "pivot", (("pt", "en"), ("en", "es"))),
        ("en:pt:es:fr", "pivot", (("en", "pt"), ("pt", "es"), ("es", "fr"))),
        ("en:pt:es:en", "round_trip", (("en", "pt"), ("pt", "es"), ("es", "en"))),
        # Regions make no other language, scripts do; without a pivot nothing went round.
        ("pt:en:pt-BR", "round_trip", (("pt", "en"), ("en", "pt-BR"))),
        ("en-US:pt:en-GB", "round_trip", (("en-US", "pt"), ("pt", "en-GB"))),
        ("pt-PT:pt-BR", "translation", (("pt-PT", "pt-BR"),)),
        ("zh-Hans:en:zh-Hant", "pivot", (("zh-Hans", "en"), ("en", "zh-Hant"))),
    ],
)
def test_a_route_knows_its_method_and_its_hops(text, method, hops):
    route = Route.parse(text)

    assert (route.method, route.hops, str(route)) == (method, hops, text)


def test_tags_are_normalized():
    assert Route.parse(" EN : pt-br ").tags == ("en", "pt-BR")


@pytest.mark.parametrize("text", ["", "en", ":", "en:", ":en", "en::pt", "en:en", "en:pt:pt"])
def test_what_is_no_route_is_refused(text):
    with pytest.raises(RouteError):
        Route.parse(text)


def test_an_invalid_tag_is_named():
    with pytest.raises(LanguageError, match="qqqq"):
        Route.parse("en:qqqq")


@pytest.mark.parametrize(
    ("route", "tag", "starts"),
    [
        ("en:pt", "en", True),
        ("en:pt", "en-US", True),
        ("pt-BR:en", "pt", True),
        ("en:pt", "pt", False),
        ("zh:en", "yue", False),
    ],
)
def test_a_route_takes_its_language_whatever_the_region(route, tag, starts):
    assert Route.parse(route).starts_in(tag) is starts
