"""The rules for Prometheus and the dashboard for Grafana ask for nothing that the running application does not show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # ships no types
from app.tests.conftest import Site
from prometheus_client.parser import text_string_to_metric_families

from meschain.domain.alert_rules import RULES

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES_FILE = DEPLOY / "prometheus" / "meschain.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "meschain.json"

PROMETHEUS_OWN = {"up"}
LABELS_OF_PROMETHEUS = {"job", "instance", "le"}
_WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "bool"}


def rules() -> list[Mapping[str, Any]]:
    groups = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries(part: object) -> Iterator[str]:
    """Every `expr` of a dashboard."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "expr":
                yield value
            else:
                yield from queries(value)
    elif isinstance(part, list):
        for each in part:
            yield from queries(each)


def names_in(query: str) -> set[str]:
    """The metrics that a query asks for: what is neither a function, a word of the language, nor within brackets."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    return set(re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)) - _WORDS


def labels_in(query: str) -> dict[str, set[str]]:
    """The labels by which a query chooses, by metric."""
    found: dict[str, set[str]] = {}
    for name, chosen in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", query):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen))
    return found


ALL_QUERIES = [rule["expr"] for rule in rules()] + list(queries(json.loads(DASHBOARD.read_text(encoding="utf-8"))))


async def shown(site: Site) -> dict[str, set[str]]:
    """Every name that can be asked for, with the labels of its samples; no labels: it has no sample yet."""
    async with site.http.get(f"{site.url}/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        for ending in endings:
            found[family.name + ending] = set()
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.fixture(name="site")
def one_for_all(shared_site: Site) -> Site:
    """These tests change nothing."""
    return shared_site


async def test_every_metric_that_is_asked_for_is_shown(site: Site) -> None:
    known = await shown(site)
    asked = {name for query in ALL_QUERIES for name in names_in(query)}
    assert asked - known.keys() == PROMETHEUS_OWN
    assert len(asked) > 20
    for query in ALL_QUERIES:
        for name, labels in labels_in(query).items():
            if known.get(name):
                assert labels <= known[name] | LABELS_OF_PROMETHEUS, query


async def test_the_figures_of_the_rules_are_shown(site: Site) -> None:
    async with site.http.get(f"{site.url}/metrics") as answer:
        text = await answer.text()
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["meschain_database_up", "own"] == samples["meschain_database_up", "shop"] == 1
    for name, rule in RULES.items():
        assert samples["meschain_alert_rule_threshold", name] == rule.threshold
    assert samples["meschain_webhooks_kept", "waiting"] == samples["meschain_webhooks_kept", "dead"] == 0
    assert samples[("meschain_alert_messages_waiting",)] == 0
    assert samples[("meschain_hub_connections_room",)] > 0


async def test_every_rule_of_prometheus_says_what_and_how_bad() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) > 10
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "error", "critical"}
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
        for opening, closing in ("()", "[]", "{}"):
            assert rule["expr"].count(opening) == rule["expr"].count(closing)


async def test_the_panels_of_the_dashboard_lie_beside_each_other() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
