"""What people fill in about themselves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from potato_site.accounts.models import User, validate_username

TAKEN = "This name is taken. Choose another one."
TAKEN_FIXED = "This name is taken by now. Sign in if it is you; else ask the project's manager for another link."


class NewAccountForm(forms.Form):
    """Name and password of somebody new. A name that was given by an invitation stays as it is.

    Everything that is wrong is told at once: the page leaves the checking to this form.
    """

    username = forms.CharField(
        label="User name",
        max_length=64,
        validators=[validate_username],
        help_text="Letters, digits and . _ @ + - only. The project's manager sees it.",
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password1 = forms.CharField(
        label="Password",
        strip=False,
        max_length=1000,
        help_text="At least 12 characters, and not a common password.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    password2 = forms.CharField(
        label="Password again",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    email = forms.EmailField(
        label="E-mail (optional)",
        required=False,
        help_text="Only to reset a forgotten password.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def __init__(self, *args: Any, fixed_name: str = "", email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if fixed_name:
            self.fields["username"].disabled = True
            self.fields["username"].help_text = "Given by the project's manager."
            self.initial["username"] = fixed_name
        if email:
            # Shown and never taken silently: who has the address of an account can set its password.
            self.initial["email"] = email
            self.fields[
                "email"
            ].help_text = (
                "Given by the project's manager. Leave it only if it is yours: its reader can set a new password."
            )

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if User.objects.named(name):
            raise ValidationError(TAKEN_FIXED if self.fields["username"].disabled else TAKEN)
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, second = data.get("password1"), data.get("password2")
        if first and second and first != second:
            self.add_error("password2", "The two passwords are not the same.")
        if first:
            self._check_password(first, User(username=data.get("username", ""), email=data.get("email", "")))
        return data

    def _check_password(self, password: str, user: User) -> None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            self.add_error("password1", error)
