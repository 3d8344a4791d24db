"""The home page: whose queries there are, what they cost, and whether every rule holds. It asks the SQL door as anyone else does.

Everything that came in a span is put on the page as text, never as markup; the policy lets nothing run but the script below and nothing be fetched
but this server.
"""

from __future__ import annotations

import base64
import hashlib
import json

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from rvbbit_otel.storage.audits import find_audit, load_audits

_SCRIPT = """
"use strict";
const text = (tag, value) => { const made = document.createElement(tag); made.textContent = String(value); return made; };
const ask = async (sql, params) => {
  const given = new URLSearchParams({query: sql, default_format: "JSONCompact"});
  for (const [name, value] of Object.entries(params)) given.set("param_" + name, value);
  const answer = await fetch("/?" + given);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
const show = (id, columns, rows) => {
  const table = document.getElementById(id);
  table.replaceChildren(document.createElement("tr"));
  for (const name of columns) table.firstChild.append(text("th", name));
  for (const row of rows) { const line = document.createElement("tr"); for (const value of row) line.append(text("td", value)); table.append(line); }
};
const questions = JSON.parse(document.getElementById("questions").textContent);
const refresh = async () => {
  const state = document.getElementById("state");
  try {
    const costs = await ask(questions.costs.sql, questions.costs.params);
    show("callers", costs.meta.map(each => each.name), costs.data.map(row => row.map((value, at) => at === 0 && value === "" ? "(nobody)" : value)));
    const verdicts = [];
    for (const rule of questions.rules) {
      const broken = (await ask(rule.sql, rule.params)).data.length;
      verdicts.push([broken ? "BROKEN by " + broken : costs.data.length ? "holds" : "no rows", rule.name, rule.title]);
    }
    show("rules", ["verdict", "rule", "what it shows"], verdicts);
    state.textContent = costs.data.length ? "" : "No rows yet. Send the first: rvbbit-otel run -- CMD";
  } catch (error) { state.textContent = String(error); }
};
refresh();
setInterval(refresh, 5000);
"""
_STYLE = "body{font:14px system-ui;margin:2em}table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ccc}"


def page_route() -> Route:
    """``GET /page``."""
    html = _html()
    policy = (
        f"default-src 'none'; connect-src 'self'; script-src {_hash(_SCRIPT)}; style-src {_hash(_STYLE)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    return Route("/page", page)


def _html() -> str:
    costs = find_audit("cost-by-caller")
    questions = {
        "costs": {"sql": costs.sql, "params": {each.name: each.default for each in costs.parameters}},
        "rules": [
            {
                "name": rule.name,
                "title": rule.title,
                "sql": rule.sql,
                "params": {each.name: each.default for each in rule.parameters},
            }
            for rule in load_audits()
            if rule.is_rule
        ],
    }
    # "<" can't stand in a script element, whatever its type.
    data = json.dumps(questions).replace("<", "\\u003c")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>rvbbit-otel</title>"
        f"<style>{_STYLE}</style><h1>Whose is it?</h1><p id=state></p><h2>Callers, most expensive first</h2><table id=callers></table>"
        f"<h2>Rules</h2><table id=rules></table><script id=questions type=application/json>{data}</script><script>{_SCRIPT}</script>"
    )


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
