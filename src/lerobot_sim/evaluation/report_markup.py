"""HTML from Python: whatever is a plain string is escaped."""

from __future__ import annotations

import html

_VOID = {"meta", "br", "hr", "input", "line", "circle", "rect", "path", "polygon"}


class Markup(str):
    """HTML that may stand as it is; every other string is escaped where it goes in."""

    __slots__ = ()


Child = str | None
Attribute = str | float | bool | None


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element.

    Args:
        name: Such as "td".
        children: Markup goes in as it is, other strings escaped, None not at all.
        attributes: `class_` is class, `data_value` data-value; None and False are left out, True stands bare.
    """
    words = [name]
    for key, value in attributes.items():
        shown = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(shown)
        elif value is not None and value is not False:
            words.append(f'{shown}="{html.escape(str(value))}"')
    inner = join(*children)
    if name in _VOID and not inner:
        return Markup(f"<{' '.join(words)}/>")
    return Markup(f"<{' '.join(words)}>{inner}</{name}>")


def join(*children: Child) -> Markup:
    """Parts in a row."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(child) for child in children if child))


def breakable(text: str) -> Markup:
    """A name that may go on in the next line after its underscores, not within a word."""
    return Markup(html.escape(text).replace("_", "_<wbr>"))


def table(head: list[Markup], rows: list[Markup], *, caption: str, class_: str = "") -> Markup:
    """A table that scrolls by itself where it is wider than the page."""
    body = tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", tag("tr", *head)),
        tag("tbody", *rows),
        class_=class_ or None,
    )
    return tag("div", body, class_="scroll", tabindex="0", role="region", aria_label=caption)


def heading(text: str, *, number: bool = False, sort: bool = True) -> Markup:
    """A column's head; a button where the column sorts."""
    inner = tag("button", text, type="button") if sort else Markup(html.escape(text))
    return tag("th", inner, scope="col", class_="number" if number else None)


def cell(text: Child, *, value: float | str | None = None, number: bool = False, **attributes: Attribute) -> Markup:
    """A cell; `value` is what its column is sorted by."""
    return tag("td", text, **{"class_": "number" if number else None, "data_value": value, **attributes})
