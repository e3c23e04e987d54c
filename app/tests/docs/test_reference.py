"""What the reference says of routes, metrics and figures, compared with the running application."""

from __future__ import annotations

import re

from app.tests.conftest import Site
from app.tests.docs.pages import DOCS, REPOSITORY

REFERENCE = DOCS / "reference"


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def test_every_route_is_described() -> None:
    routes = {
        (method, path.replace(":path}", "}"))
        for source in (REPOSITORY / "app/src/meschain/http").glob("*.py")
        for path, method in re.findall(r'Route\("(/[^"]*)".*?methods=\["(\w+)"\]', source.read_text(encoding="utf-8"))
        if path != "/{name:path}"
    }
    described = set(re.findall(r"`(GET|POST|PUT|DELETE) (/[^`]*)`", page("http-api").partition("## Negotiate")[0]))
    assert routes == described


async def test_every_metric_is_described(site: Site) -> None:
    session = await site.login("admin")
    async with site.connected(session["accessToken"]) as client:
        await client.invoke("JoinAdminGroup", session["userId"], session["role"])
    async with site.http.get(f"{site.url}/metrics") as answer:
        text = await answer.text()
    names = {
        name for name in re.findall(r"^# TYPE (meschain_\w+) ", text, re.MULTILINE) if not name.endswith("_created")
    }
    described = set(re.findall(r"^\| `(meschain_\w+)`", page("operations"), re.MULTILINE))
    assert names == described


async def test_every_figure_is_described(site: Site) -> None:
    token = (await site.login("admin"))["accessToken"]
    _, data = await site.get("/api/dashboard", token)
    _, panel = await site.get("/api/marketplaces", token)
    _, analytics = await site.get("/api/analytics", token)
    parts = [
        analytics,
        data["systemStatus"],
        data["performanceMetrics"],
        data["businessMetrics"],
        panel["marketplaces"][0],
    ]
    figures = {name for part in parts for name in part["sources"]} - {"stock"}
    described = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", page("figures"), re.MULTILINE))))
    assert figures <= described
