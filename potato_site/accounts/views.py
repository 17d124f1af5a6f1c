"""Coming in and going out."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login as start_session
from django.contrib.auth import logout as end_session
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from potato_site.accounts import limits, links, mail
from potato_site.accounts.client import client_network
from potato_site.accounts.decorators import person_of, signed_in

BACKEND = "potato_site.accounts.backends.FoldedNameBackend"
# In the session of a person who came by a link: the old password need not be known to set a new one.
CAME_BY_LINK = "came_by_link"


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    destination = safe_next(request)
    if request.user.is_authenticated and request.method == "GET":
        return redirect(destination)
    network = client_network(request)
    if request.method == "POST" and limits.reached("login", network):
        return render(request, "accounts/locked.html", {"whole_network": True}, status=429)
    form = AuthenticationForm(request, request.POST if request.method == "POST" else None)
    if form.is_valid():
        start_session(request, form.get_user())
        return redirect(destination)
    if request.method == "POST":
        limits.count("login", network)
    ways_in = import_string(settings.WAYS_IN_FOR)(destination)
    context = {"form": form, "next": destination, "mail_is_on": mail.is_configured(), "ways_in": ways_in}
    return render(request, "accounts/login.html", context)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    end_session(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@never_cache
@require_http_methods(["GET", "POST"])
def login_link(request: HttpRequest, token: str) -> HttpResponse:
    """GET only asks: programs that look at links must not use them up."""
    user = links.redeem(token) if request.method == "POST" else links.user_of(token)
    if user is None:
        return render(request, "accounts/link_gone.html", status=410)
    if request.method == "GET":
        return render(request, "accounts/login_link.html", {"person": user})
    start_session(request, user, backend=BACKEND)
    request.session[CAME_BY_LINK] = True
    return redirect("set-password")


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@signed_in
def set_password(request: HttpRequest) -> HttpResponse:
    if import_string(settings.ONLY_LABELS)(request.user):
        raise Http404
    form = password_form(request)
    if form.is_valid():
        user = form.save(commit=False)
        user.password_is_from_file = False
        user.save(update_fields=["password", "password_is_from_file"])
        request.session.pop(CAME_BY_LINK, None)
        update_session_auth_hash(request, user)
        messages.success(request, "Your password is set.")
        return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/set_password.html", {"form": form, "may_skip": "old_password" not in form.fields})


def password_form(request: HttpRequest) -> SetPasswordForm:
    """Asks for the old password unless the person came by a link, or has none."""
    person = person_of(request)
    may_set = request.session.get(CAME_BY_LINK) or not person.has_usable_password()
    data = request.POST if request.method == "POST" else None
    return SetPasswordForm(person, data) if may_set else PasswordChangeForm(person, data)


def safe_next(request: HttpRequest) -> str:
    """Where the request asks to go after the log-in, if that is on this site; else the home page."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if ours else resolve_url(settings.LOGIN_REDIRECT_URL)
