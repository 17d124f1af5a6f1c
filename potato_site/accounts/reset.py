"""A new password by mail. The answer is the same for every address, and so is the work: a job looks for the account."""

from __future__ import annotations

from hashlib import sha256

from axes.utils import reset as reset_tries
from django import forms
from django.contrib import messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.encoding import force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from potato_site.accounts import limits, mail
from potato_site.accounts.client import client_ip, client_network
from potato_site.accounts.models import User
from potato_site.jobs import enqueue

# Accounts that one address may have; each gets a mail of its own.
MAX_ACCOUNTS = 5


class AddressForm(forms.Form):
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def password_reset(request: HttpRequest) -> HttpResponse:
    if not mail.is_configured():
        return render(request, "accounts/password_reset.html", {"form": None})
    form = AddressForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "accounts/password_reset.html", {"form": form})
    if not limits.take("reset-network", client_network(request)):
        return render(request, "accounts/password_reset.html", {"form": form, "too_many": True}, status=429)
    address = form.cleaned_data["email"]
    key = sha256(address.casefold().encode()).hexdigest()
    # Over the limit of an address the answer is the same too: it does not tell who asked before.
    if limits.take("reset-address", key):
        enqueue("accounts.mail", {"email": address}, dedupe_key=f"accounts.mail:{key}")
    return render(request, "accounts/password_reset.html", {"sent_to": address})


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def password_reset_link(request: HttpRequest, person: str, reset_token: str) -> HttpResponse:
    """Works once and for an hour: the new password changes what the token was made of."""
    user = user_of(person)
    if user is None or not default_token_generator.check_token(user, reset_token):
        return render(request, "accounts/link_gone.html", {"by_mail": True}, status=410)
    form = SetPasswordForm(user, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "accounts/password_reset_link.html", {"form": form, "person": user})
    user = form.save(commit=False)
    user.password_is_from_file = False
    user.save(update_fields=["password", "password_is_from_file"])
    # Who forgot the password has often tried too many times.
    reset_tries(username=user.name_key, ip=client_ip(request))
    messages.success(request, "Your password is set. Sign in with it.")
    return redirect("login")


def reset_path(user: User) -> str:
    """The path of a link that lets this person set a password."""
    return reverse(
        "password-reset-link",
        args=[urlsafe_base64_encode(str(user.pk).encode()), default_token_generator.make_token(user)],
    )


def user_of(encoded: str) -> User | None:
    try:
        pk = int(force_str(urlsafe_base64_decode(encoded)))
    except (ValueError, OverflowError):
        return None
    return User.objects.filter(pk=pk, is_active=True).first() if 0 < pk < 2**63 else None


def send_reset_mails(address: str) -> int:
    """Mail every active account of this address. Returns how many."""
    users = User.objects.filter(email__iexact=address, is_active=True).order_by("pk")[:MAX_ACCOUNTS]
    for user in users:
        context = {"user": user, "link": mail.address(reset_path(user))}
        mail.send(user.email, "Set a new password", "accounts/mail/password_reset.txt", context)
    return len(users)
