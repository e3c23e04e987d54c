"""The page that shows a live trace: one HTML file that needs nothing from anywhere. Holds no secret and no event.

The token is pasted into it, or stands behind `#token=` in its address, which browsers do not send. It reads JSON lines
by `fetch`, since an `EventSource` cannot send a token.
"""

from __future__ import annotations

import base64
import hashlib

_STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --text: #1a2230; --faint: #5b6676; --rule: #dfe3ea;
  --accent: #1f6feb; --warn: #a8500a; --bad: #c62f38; --good: #1a7f4b; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f141b; --card: #171e28; --text: #e4e9f0; --faint: #97a3b4;
  --rule: #2b3543; --accent: #6ea8fe; --warn: #f5a35c; --bad: #ff7b82; --good: #4cc38a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 20px 20px 48px; max-width: 1400px; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: 22px; line-height: 1.25; margin: 0; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 4px 16px; }
#state { color: var(--faint); } #state.good { color: var(--good); } #state.bad { color: var(--bad); }
form { display: flex; flex-wrap: wrap; gap: 10px 14px; align-items: end; margin: 14px 0; padding: 14px;
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
label { display: grid; gap: 2px; font-size: 13px; color: var(--faint); }
label.wide { flex: 1 1 320px; } label.line { display: flex; gap: 6px; align-items: center; padding: 7px 0; }
input:not([type=checkbox]), button { font: inherit; padding: 6px 10px; border-radius: 7px;
  border: 1px solid var(--rule); background: var(--ground); color: var(--text); min-width: 0; width: 100%; }
button { width: auto; cursor: pointer; } button.main { background: var(--accent); border-color: var(--accent);
  color: var(--card); font-weight: 600; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { text-align: left; padding: 6px 10px; border-top: 1px solid var(--rule); vertical-align: top; }
thead th { border-top: 0; color: var(--faint); font-weight: 600; white-space: nowrap; }
td { overflow-wrap: anywhere; } td.fixed { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.message { min-width: 260px; }
tr.warning td { color: var(--warn); } tr.lost td { color: var(--bad); font-weight: 600; }
.empty { padding: 26px; text-align: center; color: var(--faint); }
@media (max-width: 560px) { body { padding: 14px 12px 36px; } label, label.wide { flex: 1 1 100%; }
  label.line { flex: 0 0 auto; } }
"""

_SCRIPT = """
"use strict";
const COLUMNS = ["time", "event", "message", "hub", "userId", "connectionId", "address", "transport", "tracingId"];
const WRAPPED = ["hub", "userId", "tracingId"];
const ROWS_SHOWN = 1000;
const form = document.querySelector("form"), rows = document.querySelector("tbody");
const state = document.querySelector("#state"), go = document.querySelector("#go");
const empty = document.querySelector(".empty");
let running = null;

const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) { form.elements.token.value = given; history.replaceState(null, "", location.pathname); }

function say(text, kind = "") { state.textContent = text; state.className = kind; }

function add(cells, kind) {
  const row = document.createElement("tr");
  row.className = kind;
  for (const [index, text] of cells.entries()) {
    const cell = document.createElement("td");
    cell.textContent = text;
    const column = COLUMNS[index];
    cell.className = column === "message" ? "message" : WRAPPED.includes(column) ? "" : "fixed";
    row.append(cell);
  }
  rows.prepend(row);
  while (rows.childElementCount > ROWS_SHOWN) rows.lastElementChild.remove();
  empty.hidden = true;
}

function show(event) {
  if (event.lost) {
    add(["", "Lost", event.lost + " events came faster than they could be shown; filter more."], "lost");
    return;
  }
  const time = new Date(event.time);
  const clock = time.toLocaleTimeString([], { hour12: false }) + "." + String(time.getMilliseconds()).padStart(3, "0");
  const message = event.exception ? event.message + " (" + event.exception + ")" : event.message;
  const shown = { ...event, time: clock, message };
  add(COLUMNS.map((name) => shown[name] ?? ""), event.level ?? "");
}

function address() {
  const query = new URLSearchParams();
  for (const box of form.querySelectorAll("[name=category]:checked")) query.append("category", box.value);
  for (const name of ["hub", "user", "connection"]) {
    if (form.elements[name].value) query.set(name, form.elements[name].value);
  }
  if (form.elements.diagnostic.checked) query.set("diagnostic", "true");
  return location.pathname.replace(/[/]$/, "") + "/events?" + query;
}

async function watch(stop) {
  const token = form.elements.token.value.trim();
  const answer = await fetch(address(), { headers: { authorization: "Bearer " + token }, signal: stop.signal });
  if (!answer.ok) throw new Error(answer.status + " " + (await answer.text()));
  say("Watching", "good");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\\n");
    rest = lines.pop();
    for (const line of lines) if (line) show(JSON.parse(line));
  }
}

form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  if (running) { running.abort(); return; }
  const stop = running = new AbortController();
  go.textContent = "Stop";
  say("Connecting");
  try {
    await watch(stop);
    say("The stream has ended: the token expired, or the service stops.", "bad");
  } catch (error) {
    if (stop.signal.aborted) say("Stopped"); else say(error.message, "bad");
  }
  running = null;
  go.textContent = "Watch";
});
document.querySelector("#clear").addEventListener("click", () => { rows.replaceChildren(); empty.hidden = false; });
"""

_COLUMNS = ("Time", "Event", "Message", "Hub", "User", "Connection", "Address", "Transport", "Tracing id")
_CATEGORIES = ("connectivity", "messaging", "http")

_BODY = f"""
<header><h1>Live trace</h1><span id="state" role="status">Not watching</span></header>
<form>
<label class="wide">Token for /livetrace/events, signed with an access key
<input name="token" type="password" autocomplete="off" spellcheck="false" required></label>
<label>Hub<input name="hub" size="12"></label>
<label>User<input name="user" size="12"></label>
<label>Connection<input name="connection" size="16"></label>
{
    "".join(
        f'<label class="line"><input type="checkbox" name="category" value="{each}" checked>{each}</label>'
        for each in _CATEGORIES
    )
}
<label class="line"><input type="checkbox" name="diagnostic">diagnostic clients only</label>
<button class="main" id="go">Watch</button>
<button type="button" id="clear">Clear</button>
</form>
<div class="scroll"><table><thead><tr>{"".join(f"<th>{each}</th>" for each in _COLUMNS)}</tr></thead>
<tbody></tbody></table><p class="empty">Nothing yet. What happens from now on is shown here, the latest first.</p></div>
"""

PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Live trace</title><style>{_STYLE}</style></head><body>{_BODY}<script>{_SCRIPT}</script></body></html>
""".encode()


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; connect-src 'self'; style-src {_hashed(_STYLE)}; script-src {_hashed(_SCRIPT)}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Only what stands in the page runs, and it reaches this service alone."""
