"""Numbers of a form, typed into text: in the field that HTML has for numbers, an English browser makes 15 of "1,5"."""

from __future__ import annotations

from typing import Any

from django import forms

from potato_site.numbers import in_ascii, with_point


class WholeNumberField(forms.IntegerField):
    """A mark in it could part thousands or decimals, so it has none."""

    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Keyboards of phones for numbers may have no minus."""
        return {"inputmode": "text"} if isinstance(self.min_value, int) and self.min_value < 0 else {}

    def to_python(self, value: Any) -> int | None:
        text = in_ascii(value) if isinstance(value, str) else value
        if isinstance(text, str) and not {".", ","}.isdisjoint(text):
            raise forms.ValidationError("Enter a whole number, without commas or points.")
        return super().to_python(text)


class NumberField(forms.FloatField):
    """A comma is a mark of decimals as a point is."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(with_point(value) if isinstance(value, str) else value)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
