"""How uploaded traces are read: the part of the upload form that most people leave as it is."""

from __future__ import annotations

from django import forms

from potato_site.number_fields import WholeNumberField
from traces.converters import converters
from traces.document import MAX_ID
from traces.import_options import ImportOptions
from traces.recognition import AUTO
from traces.shaping import Shaping, checked_issue_id


def _formats() -> list[tuple[str, str]]:
    return [(AUTO, "By what is in each file"), *((name, name) for name in converters.names())]


class OptionsForm(forms.Form):
    format = forms.ChoiceField(choices=_formats, label="Format", required=False)
    redact = forms.BooleanField(required=False, label="Replace API keys, tokens and e-mail addresses")
    drop_subagents = forms.BooleanField(required=False, label="Leave out what sub-agents did")
    max_output = WholeNumberField(
        required=False, min_value=1, max_value=2**31 - 1, label="Cut outputs of more characters than"
    )
    max_steps = WholeNumberField(
        required=False, min_value=1, max_value=2**31 - 1, label="Split traces of more steps than"
    )
    issue_id = forms.CharField(
        required=False, max_length=MAX_ID, empty_value=None, label="Issue of all traces that name none (issue_id)"
    )

    def clean_issue_id(self) -> str | None:
        text: str | None = self.cleaned_data["issue_id"]
        try:
            return None if text is None else checked_issue_id(text)
        except ValueError as error:
            raise forms.ValidationError(f"It {error}.") from None

    def options(self) -> ImportOptions:
        """After it is valid."""
        values = dict(self.cleaned_data)
        return ImportOptions(format=values.pop("format") or AUTO, shaping=Shaping(**values))
