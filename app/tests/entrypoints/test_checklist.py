"""`meschain checklist`: it holds on a running demo, and says what does not where something is broken."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from app.tests.program import free_port
from app.tests.site import Site

from meschain.entrypoints.checklist import Phase, ask
from meschain.entrypoints.findings import Finding
from meschain.settings import LoadedSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def asked(phase: Phase, site: Site, url: str | None = None) -> Mapping[str, Finding]:
    found = await ask(phase, LoadedSettings(site.settings), url or site.url, connections=60)
    return {finding.topic: finding for finding in found}


async def test_a_running_demo_passes(shared_site: Site) -> None:
    found = await asked(Phase.DEPLOY, shared_site)
    timed = {"connection time", "message time"}  # a loaded machine may be slow; what was measured is said
    assert all("target is" in found[topic].text for topic in timed)
    rest = {topic: finding.verdict for topic, finding in found.items() if topic not in timed}
    assert {topic for topic, verdict in rest.items() if verdict != "ok"} == {"old clients", "fail-over"}
    assert found["old clients"].text.startswith("nothing listens for them")
    assert found["fail-over"].text.startswith("one process answers")
    assert found["many connections"].text.startswith("60 were open within")
    assert len(found) > 10


async def test_what_it_sends_stays_behind_for_nobody(shared_site: Site) -> None:
    await asked(Phase.DEPLOY, shared_site)
    found = await asked(Phase.POST, shared_site)
    assert (found["recovery"].verdict, found["webhooks"].text) == ("ok", "0 wait, 0 were given up")
    assert "errors" in found["figures"].text
    assert (found["alerts"].verdict, found["roll-back"].verdict) == ("ok", "note")


async def test_an_installation_that_does_not_answer_fails_each_line(shared_site: Site) -> None:
    found = await asked(Phase.DEPLOY, shared_site, f"http://127.0.0.1:{free_port()}")
    assert {finding.verdict for finding in found.values()} == {"fail"}
    assert all("see whether it answers there" in finding.text for finding in found.values())
