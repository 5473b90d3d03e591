"""Pages that need nothing but themselves: style and script inside, and a policy that forbids the network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from lerobot_sim import __version__

from .report_markup import Markup, join, tag


def asset(name: str) -> Markup:
    """A file of ours from `report_assets`."""
    return Markup((files(__package__) / "report_assets" / name).read_text(encoding="utf-8"))


def page(title: str, nav: Mapping[str, str], header: Markup, *sections: Markup) -> str:
    """A whole page.

    Args:
        title: Of the tab.
        nav: Anchor -> word.
        header: What stands above the sections.
        sections: In order.
    """
    script = asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "media-src data: blob: file: 'self'; base-uri 'none'; form-action 'none'"
    )
    links = [tag("a", word, href=f"#{anchor}") for anchor, word in nav.items()]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=rules),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="generator", content=f"lerobot-sim {__version__}"),
        tag("title", title),
        tag("style", asset("report.css")),
    )
    toggle = tag("button", "Light / dark", type="button", id="theme")
    footer = f"Made by lerobot-sim {__version__}. This page is one file: it loads nothing from the network."
    body = tag(
        "body",
        tag("nav", tag("div", *links, toggle), aria_label="Sections"),
        tag("header", tag("div", header)),
        tag("main", *sections),
        tag("footer", footer),
        tag("script", script),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def section(anchor: str, heading: str, *children: str | None, about: str = "") -> Markup:
    """A card with its heading."""
    return tag(
        "section",
        tag("h2", heading, id=f"{anchor}-heading"),
        tag("p", about, class_="soft") if about else None,
        *children,
        class_="card",
        id=anchor,
        aria_labelledby=f"{anchor}-heading",
    )


def facts_list(values: Mapping[str, str]) -> Markup:
    """Names and values."""
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in values.items()), class_="facts")


def mark_of(outcome: str, words: str | None = None) -> Markup:
    """An outcome's sign, with its name or other words."""
    return tag("span", tag("i", class_=f"square {outcome.replace(' ', '-')}"), words or outcome, class_="outcome")


def data(identity: str, values: Any) -> Markup:
    """JSON for the script; no string in it can end the element."""
    text = json.dumps(values, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return tag("script", Markup(text), type="application/json", id=identity)
