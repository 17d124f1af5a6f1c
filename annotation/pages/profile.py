"""A person's own page: theme, time zone, address, keys, tokens, sessions. Nobody sees or changes another's."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from annotation import access, keymap
from annotation.models import Project
from potato_site.accounts import sessions
from potato_site.accounts.decorators import person_of, signed_in
from potato_site.accounts.models import ApiToken, AuditEntry, User
from potato_site.accounts.views import CAME_BY_LINK
from potato_site.api import tokens
from potato_site.number_fields import WholeNumberField

THEMES = [("", "As the system has it"), ("light", "Light"), ("dark", "Dark")]
# An address in words: "Europe/Berlin". What is no place (Etc/…, posixrules) is left out.
PLACES = sorted(
    name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(("Etc/", "posix"))
)
ZONES = ["UTC", *PLACES]


class ProfileForm(forms.Form):
    theme = forms.ChoiceField(label="Theme", choices=THEMES, required=False)
    timezone = forms.ChoiceField(
        label="Time zone",
        choices=[("", "As the site has it (UTC)"), *((name, name.replace("_", " ")) for name in ZONES)],
        required=False,
        help_text="Times on the pages are shown in it.",
    )
    email = forms.EmailField(
        label="E-mail",
        required=False,
        help_text="Only to reset a forgotten password.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label="Your password",
        required=False,
        strip=False,
        help_text="Needed to change the e-mail address, because who has the address can set a new password.",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        chosen = {name: user.preferences.get(name, "") for name in ("theme", "timezone")}
        kwargs["initial"] = {"email": user.email, **chosen}
        super().__init__(*args, **kwargs)
        self.user = user
        if access.only_labels(user):
            # There is no password that an address could reset.
            del self.fields["email"], self.fields["password"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        moves = data.get("email", self.user.email) != self.user.email
        # Who came by a link has no password to confirm with: it is set first.
        if moves and not self.user.check_password(data.get("password", "")):
            self.add_error("password", "Your password is needed to change the e-mail address, and this is not it.")
        return data


class TokenForm(forms.Form):
    name = forms.CharField(label="What for", max_length=100, help_text="In your own words: “nightly export”.")
    project = forms.ModelChoiceField(Project.objects.none(), label="Project", required=False, empty_label="All of mine")
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=[(name, f"{name}: {text}") for name, text in tokens.SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    days = WholeNumberField(label="Days until it ends", min_value=1, max_value=tokens.MAX_DAYS, initial=90)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = access.memberships_of(user).values("project")
        projects = access.administered(user) | Project.objects.filter(pk__in=own)
        field = self.fields["project"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = projects.distinct().order_by("name", "pk")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    user = person_of(request)
    form = ProfileForm(user, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _page(request, form=form)
    prefer(user, {name: form.cleaned_data[name] for name in ("theme", "timezone")})
    if form.cleaned_data.get("email", user.email) != user.email:
        AuditEntry.objects.create(user=user, action="account.email", object=user.username)
        user.email = form.cleaned_data["email"]
        user.save(update_fields=["email"])
    messages.success(request, "Saved.")
    return redirect("profile")


@require_POST
@signed_in
@never_cache
def profile_keys(request: HttpRequest) -> HttpResponse:
    """Save the keys, or (``reset``) take those that are set."""
    chosen = {key: key for key in keymap.KEYS}
    if "reset" not in request.POST:
        # A field left empty is the key as it is set.
        chosen = {key: request.POST.get(f"key-{n}", "").strip()[:10] or key for n, key in enumerate(keymap.KEYS)}
    if problems := keymap.problems(chosen):
        return _page(request, chosen=chosen, key_problems=problems)
    prefer(person_of(request), {"keys": keymap.changed(chosen)})
    messages.success(request, "The keys are as they were." if "reset" in request.POST else "Your keys are saved.")
    return redirect("profile")


@require_POST
@signed_in
@never_cache
def profile_sessions(request: HttpRequest) -> HttpResponse:
    sessions.end_others(request)
    messages.success(request, "All other devices are signed out.")
    return redirect("profile")


@require_POST
@signed_in
@never_cache
def profile_tokens(request: HttpRequest) -> HttpResponse:
    """Make a token. Its secret is in this answer and nowhere else."""
    user = person_of(request)
    if access.only_labels(user):
        raise Http404
    if request.session.get(CAME_BY_LINK):
        # Who made the link must not keep a way in that its person would not notice.
        messages.error(request, "You came by a link: set a password of your own before you make a token.")
        return redirect("set-password")
    form = TokenForm(user, request.POST)
    if not form.is_valid():
        return _page(request, token_form=form)
    data = form.cleaned_data
    _, secret = tokens.make(user, scopes=data["scopes"], project=data["project"], days=data["days"], name=data["name"])
    return _page(request, secret=secret, secret_name=data["name"])


@require_POST
@signed_in
@never_cache
def profile_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke a token."""
    user = person_of(request)
    token = get_object_or_404(ApiToken.objects.filter(user=user), pk=token_id)
    tokens.revoke(token, user)
    messages.success(request, "The token is revoked.")
    return redirect("profile")


@transaction.atomic
def prefer(user: User, choices: dict[str, Any]) -> None:
    """Keep these preferences; what is empty is as the site has it. Others, of another tab, stay."""
    locked = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    merged = {**locked.preferences, **choices}
    user.preferences = {name: value for name, value in merged.items() if value}
    user.save(update_fields=["preferences"])


def _page(request: HttpRequest, **more: Any) -> HttpResponse:
    user = person_of(request)
    stored = user.preferences.get("keys", {})
    chosen = more.pop("chosen", None) or {key: stored.get(key, key) for key in keymap.KEYS}
    problems = more.pop("key_problems", {})
    context = {
        "form": ProfileForm(user),
        "token_form": TokenForm(user),
        "tokens": ApiToken.objects.filter(user=user).select_related("project").order_by("-pk"),
        "keys": [
            {"field": f"key-{n}", "set": key, "text": text, "own": chosen[key], "problem": problems.get(key, "")}
            for n, (key, text) in enumerate(keymap.KEYS.items())
        ],
        "only_labels": access.only_labels(user),
        "keys_open": bool(problems or stored),
        **more,
    }
    return render(request, "annotation/profile.html", context)
