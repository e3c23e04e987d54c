"""The language of limits: what can be said, what it means, and what is answered to nonsense."""

from __future__ import annotations

import pytest

from hubwire.cli.bench.limits import FIGURES, duration, judge, parse_limit, shown
from hubwire.cli.failures import UsageFailed


@pytest.mark.parametrize(
    ("text", "figure", "comparison", "bound"),
    [
        ("latency.p99<50ms", "latency.p99", "<", 0.05),
        ("latency.p99.9 <= 1.5s", "latency.p99.9", "<=", 1.5),
        ("connect.max<500us", "connect.max", "<", 0.0005),
        ("lost==0", "lost", "==", 0),
        ("errors != 3", "errors", "!=", 3),
        ("received>=1000", "received", ">=", 1000),
        ("sent.rate>10.5", "sent.rate", ">", 10.5),
        ("sent.rate>10/s", "sent.rate", ">", 10),
        ("lost_percent<0.1%", "lost_percent", "<", 0.1),
        ("lost_percent<0.1", "lost_percent", "<", 0.1),
    ],
)
def test_a_limit_means_what_it_says(text: str, figure: str, comparison: str, bound: float) -> None:
    limit = parse_limit(text)
    assert (limit.figure, limit.comparison) == (figure, comparison)
    assert limit.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("latency.p99", "compares nothing"),
        ("", "compares nothing"),
        ("latency.p98<50ms", "did you mean latency.p9"),
        ("zzz<3", "names no figure; name one of latency.p50"),
        ("<3", "names no figure"),
        ("latency.p99<50", "needs a unit"),
        ("latency.p99<ms", "give a number from 0, like latency.p99<50ms"),
        ("lost==none", "give a number from 0"),
        ("lost==-1", "give a number from 0"),
        ("lost<inf", "give a number from 0"),
        ("lost<nan", "give a number from 0"),
        ("lost=<3", "names no figure"),
    ],
)
def test_nonsense_is_answered_with_what_to_do(text: str, answer: str) -> None:
    with pytest.raises(UsageFailed, match=answer.replace(".", r"\.")):
        parse_limit(text)


@pytest.mark.parametrize(
    ("text", "value", "passed"),
    [
        ("lost<2", 1, True),
        ("lost<2", 2, False),
        ("lost<=2", 2, True),
        ("lost>2", 2, False),
        ("lost>=2", 2, True),
        ("lost==2", 2, True),
        ("lost!=2", 2, False),
        ("latency.p99<1ms", None, False),
    ],
)
def test_a_limit_holds_or_not(text: str, value: float | None, passed: bool) -> None:
    limit = parse_limit(text)
    (verdict,) = judge((limit,), {limit.figure: value})
    assert verdict.passed is passed
    assert verdict.measured == shown(limit.figure, value)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_can_be_limited_as_it_is_shown(figure: str) -> None:
    text = "".join(shown(figure, 0.25).split())
    assert parse_limit(f"{figure}<={text}").figure == figure


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0000004, "0 us"),
        (0.00025, "250 us"),
        (0.00512, "5.12 ms"),
        (0.0512, "51.2 ms"),
        (0.512, "512 ms"),
        (5, "5.00 s"),
    ],
)
def test_durations_have_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
