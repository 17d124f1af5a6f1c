"""What a browser would send of a form on a page."""

from __future__ import annotations

from html.parser import HTMLParser


class _Form(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.is_inside = False
        self.values: dict[str, str] = {}
        self.buttons: list[str] = []
        self.text: tuple[str, list[str]] | None = None
        self.select = ""

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "form":
            self.is_inside = found.get("id") == self.form_id
        if not self.is_inside or "disabled" in found:
            return
        name = found.get("name")
        if tag == "button":
            self.buttons.append(found.get("value", ""))
        elif tag == "input" and name:
            kind = found.get("type")
            if kind not in ("checkbox", "radio", "file"):
                self.values[name] = found.get("value") or ""
            elif "checked" in found:
                self.values[name] = found.get("value", "on")
        elif tag == "textarea" and name:
            self.text = (name, [])
        elif tag == "select":
            self.select = name or ""
        elif tag == "option" and self.select and ("selected" in found or self.select not in self.values):
            self.values[self.select] = found.get("value", "")

    def handle_data(self, data):
        if self.text:
            self.text[1].append(data)

    def handle_endtag(self, tag):
        if tag == "form":
            self.is_inside = False
        elif tag == "textarea" and self.text:
            # A browser drops the line break after the tag and sends CRLF.
            self.values[self.text[0]] = "".join(self.text[1]).removeprefix("\n").replace("\n", "\r\n")
            self.text = None
        elif tag == "select":
            self.select = ""


def form(html: str, form_id: str) -> dict[str, str]:
    """Name → value of the form with this id; selects with nothing selected have their first option."""
    parser = _Form(form_id)
    parser.feed(html)
    return parser.values


def buttons(html: str, form_id: str) -> list[str]:
    """The values of its buttons that can be pressed."""
    parser = _Form(form_id)
    parser.feed(html)
    return parser.buttons
