"""A page about the REST data plane for people: operations, parameters, answers, an example call each.

Plain HTML that fetches nothing from anywhere, made of the table of operations. Knows no requests.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from hubwire.azure.rest_description import VERSIONS
from hubwire.azure.rest_errors import ERROR_CODE_HEADER, ErrorCode
from hubwire.azure.rest_guide import COMMON_ANSWERS, GUIDES, PARAMETERS, Guide, Section
from hubwire.azure.routes import DATED_VERSIONS, ROUTES, V1, Operation, Route

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #566273; --paper: #fff; --line: #d9dfe7; --code: #f3f5f8;
  --accent: #0b5cad }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9f0; --soft: #9fabba; --paper: #12161c; --line: #2c3440;
  --code: #1b212a; --accent: #7db8f5 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.7rem; line-height: 1.2 } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line) }
h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere } p { margin: .5rem 0 }
a { color: var(--accent); white-space: nowrap } nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1rem 0 }
article { margin: 1.25rem 0; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem }
code, pre { font: .875rem/1.45 ui-monospace, monospace } p code, h3 code { overflow-wrap: anywhere }
pre { margin: .75rem 0 0; padding: .75rem; overflow-x: auto; background: var(--code); border-radius: .375rem }
.scroll { overflow-x: auto } table { width: 100%; margin-top: .75rem; border-collapse: collapse }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line) }
th { font-weight: 600; color: var(--soft); border-top: 0 } td:first-child { width: 7rem }
@media (max-width: 40rem) { tr:first-child { display: none }
  tr { display: block; padding: .4rem 0; border-top: 1px solid var(--line) }
  td { display: block; padding: 0; border: 0 } td:first-child { width: auto; font-weight: 600 } }
.method { display: inline-block; min-width: 4.5em; color: var(--accent) } .soft { color: var(--soft) }
"""

STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""For a policy that allows these styles and nothing else."""

_LATEST = DATED_VERSIONS[-1]


def render(public_url: str) -> str:
    """Return the page of a service at this address."""
    sections = "".join(_section(section, public_url) for section in Section)
    links = " ".join(f'<a href="/openapi/{version}.json">{version}</a>' for version in VERSIONS)
    jumps = " ".join(f'<a href="#{_anchor(section)}">{section}</a>' for section in Section)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>REST API of this SignalR service</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>REST API of this SignalR service</h1>
<p>Compatible with the data plane of Azure SignalR Service. Base address: <code>{escape(public_url)}</code></p>
<p>Descriptions for programs (OpenAPI), by version: {links}</p>
<nav>{jumps}</nav>
<h2>Calling it</h2>
<p>Give the version as <code>?api-version={_LATEST}</code>, or put <code>/api/{V1}/</code> in the place of
<code>/api/</code> for the oldest. Each call carries <code>Authorization: Bearer …</code> with a JWT that an access key
of this service has signed (HS256 over the key's text as it is) for its address: <code>aud</code> is the address
without query, <code>exp</code> the end in seconds since 1970.</p>
<p>Messages are <code>application/json</code>, the same map as <code>application/x-msgpack</code>, or
<code>application/octet-stream</code>: a MessagePack map of protocol names to encoded, framed hub messages.</p>
<p>202 means accepted, not delivered. What is no success has the header <code>{ERROR_CODE_HEADER}</code> and a body that
explains; answers to <code>HEAD</code> have no body. Wherever there is <code>HEAD</code> there is <code>GET</code>.</p>
{
        _table(
            ("status", ERROR_CODE_HEADER, "meaning"),
            ((str(status), f"<code>{code}</code>", escape(text)) for status, code, text in COMMON_ANSWERS),
        )
    }
{sections}
</body>
</html>
"""


def _anchor(section: Section) -> str:
    return section.lower().replace(" ", "-")


def _section(section: Section, public_url: str) -> str:
    articles = (
        _article(ROUTES[operation], guide, public_url)
        for operation, guide in GUIDES.items()
        if guide.section is section
    )
    return f'<section id="{_anchor(section)}">\n<h2>{section}</h2>\n{"".join(articles)}</section>\n'


def _article(route: Route, guide: Guide, public_url: str) -> str:
    remark = f'<p class="soft">{escape(guide.remark)}</p>' if guide.remark else ""
    since = "" if route.since == DATED_VERSIONS[0] else f' <span class="soft">since {route.since}</span>'
    return f"""<article id="{route.operation.name.lower().replace("_", "-")}">
<h3><code><span class="method">{route.method}</span> /api{escape(route.path)}</code>{since}</h3>
<p>{escape(guide.summary)}</p>
{remark}{_parameters(route)}{_answers(route, guide.absent)}
<pre tabindex="0">{escape(_example(route, guide, public_url))}</pre>
</article>
"""


def _names(route: Route) -> list[str]:
    return [*(part[1:-1] for part in route.path.split("/") if part.startswith("{")), *route.query]


def _parameters(route: Route) -> str:
    rows = [(f"<code>{name}</code>", PARAMETERS[name].kind, escape(PARAMETERS[name].meaning)) for name in _names(route)]
    return _table(("parameter", "where", "meaning"), rows) if rows else ""


def _answers(route: Route, absent: ErrorCode | None) -> str:
    done = str(route.status)
    if route.v1_status is not None and route.v1_status != route.status:
        done += f" ({V1}: {route.v1_status})"
    rows = [(done, "it was accepted" if route.status == 202 else "it was done")]
    if absent is not None:
        rows.append(("404", f"<code>{absent}</code>"))
    return _table(("status", "meaning"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{titles}</tr>{lines}</table></div>\n'


def _example(route: Route, guide: Guide, public_url: str) -> str:
    parts = [
        quote(PARAMETERS[part[1:-1]].example, safe="") if part.startswith("{") else part
        for part in route.path.split("/")
    ]
    address = f"{public_url}/api{'/'.join(parts)}"
    method = "--head" if route.method == "HEAD" else f"-X {route.method}"
    if route.operation is Operation.GET_HEALTH:
        return f"curl {method} '{address}'"
    query = f"api-version={_LATEST}"
    if route.operation is Operation.EXECUTE:
        query += f"&filter={quote(PARAMETERS['filter'].example)}"
    lines = [f"curl {method} '{address}?{query}'", '  -H "Authorization: Bearer $TOKEN"']
    if guide.body is not None:
        lines += ["  -H 'Content-Type: application/json'", f"  -d '{guide.body}'"]
    return " \\\n".join(lines)
