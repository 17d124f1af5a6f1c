"""Coming in: names, passwords, locks, one-time links, sessions."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.contrib.auth import SESSION_KEY, authenticate
from django.core import signing
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from potato_site.accounts import links
from potato_site.accounts.decorators import signed_in, signed_in_api
from potato_site.accounts.manager import ensure_manager
from potato_site.accounts.models import User

pytestmark = pytest.mark.django_db

PASSWORD = "pw_reviewer1"
NEW_PASSWORD = "seven green bottles"


@pytest.fixture
def reviewer() -> User:
    return User.objects.create_user("reviewer1", password=PASSWORD, password_is_from_file=True)


def log_in(client: Client, username: str = "reviewer1", password: str = PASSWORD, **more: str) -> HttpResponse:
    return client.post("/login/", {"username": username, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return SESSION_KEY in client.session


# --- name and password -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["reviewer1", "Reviewer1", "REVIEWER1", "ｒeviewer1"])
def test_a_person_logs_in_whatever_the_case_of_the_name(client, reviewer, name):
    assert log_in(client, name).headers["Location"] == "/"
    assert client.session[SESSION_KEY] == str(reviewer.pk)


@pytest.mark.parametrize(("name", "password"), [("reviewer1", "wrong"), ("nobody", PASSWORD), ("reviewer1", "")])
def test_a_wrong_name_or_password_gives_one_and_the_same_answer(client, reviewer, name, password):
    response = log_in(client, name, password)
    assert response.status_code == 200
    assert not is_signed_in(client)
    if password:
        assert "The name or the password is not right." in response.content.decode()


def test_an_inactive_person_stays_outside(client, reviewer):
    User.objects.update(is_active=False)
    log_in(client)
    assert not is_signed_in(client)


def test_an_unknown_name_costs_as_much_as_a_known_one(rf, reviewer, monkeypatch):
    hashed = []
    from django.contrib.auth.hashers import MD5PasswordHasher

    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *a: hashed.append(1) or encode(*a))
    costs = []
    for name in ("reviewer1", "nobody"):
        hashed.clear()
        authenticate(rf.post("/login/"), username=name, password="wrong")
        costs.append(len(hashed))
    assert costs == [1, 1]


@pytest.mark.parametrize(
    ("asked", "arrives"),
    [
        ("/projects/x/", "/projects/x/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("javascript:x", "/"),
        ("", "/"),
    ],
)
def test_the_log_in_returns_only_to_this_site(client, reviewer, asked, arrives):
    assert log_in(client, next=asked).headers["Location"] == arrives


def test_who_is_signed_in_already_is_sent_on(client, reviewer):
    client.force_login(reviewer)
    assert client.get("/login/?next=/projects/x/").headers["Location"] == "/projects/x/"


def test_the_log_in_page_shows_a_hostile_name_as_text(client):
    page = log_in(client, '"><script>alert(1)</script>', "x").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_log_in_needs_the_csrf_token(reviewer):
    assert log_in(Client(enforce_csrf_checks=True)).status_code == 403


# --- locks -------------------------------------------------------------------------------------------------


def test_the_sixth_try_is_refused_even_with_the_right_password_and_in_any_spelling(client, reviewer):
    for name in ["reviewer1", "Reviewer1", "REVIEWER1", "reviewer1", "rEviewer1"]:
        last = log_in(client, name, "wrong")
    assert last.status_code == 429
    response = log_in(client)
    assert response.status_code == 429
    assert "Too many tries" in response.content.decode()
    assert not is_signed_in(client)


def test_a_forwarded_address_does_not_lift_the_lock(client, reviewer):
    for _ in range(5):
        log_in(client, password="wrong")
    response = client.post(
        "/login/", {"username": "reviewer1", "password": PASSWORD}, headers={"X-Forwarded-For": "203.0.113.9"}
    )
    assert response.status_code == 429


def test_a_lock_touches_no_other_name_and_no_other_address(client, reviewer):
    User.objects.create_user("reviewer2", password=PASSWORD)
    for _ in range(5):
        log_in(client, password="wrong")
    assert log_in(client, "reviewer2").status_code == 302
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert log_in(elsewhere).status_code == 302


# --- one-time links ----------------------------------------------------------------------------------------


def test_a_link_asks_first_and_lets_in_once(client, reviewer):
    path = links.link_path(reviewer)
    page = client.get(path)
    assert "Sign in as reviewer1" in page.content.decode()
    assert not is_signed_in(client), "looking at a link must not use it"
    assert client.post(path).headers["Location"] == "/password/"
    assert client.session[SESSION_KEY] == str(reviewer.pk)
    for again in (client.get, client.post):
        assert again(path).status_code == 410


def test_of_two_simultaneous_uses_one_gets_in(reviewer, monkeypatch):
    token = links.link_path(reviewer).split("/")[-2]
    seen_by_both = links.user_of(token)
    monkeypatch.setattr(links, "user_of", lambda token: seen_by_both)
    assert links.redeem(token) is not None
    assert links.redeem(token) is None


def test_a_link_used_within_the_same_instant_of_the_clock_still_ends(reviewer, monkeypatch):
    now = timezone.now()
    User.objects.update(last_login=now + timedelta(hours=1))  # the clock was set back since
    token = links.link_path(User.objects.get()).split("/")[-2]
    assert links.redeem(token) is not None
    assert links.redeem(token) is None


def test_a_new_password_or_a_log_in_ends_older_links(client, reviewer):
    path = links.link_path(reviewer)
    log_in(client)
    assert Client().get(path).status_code == 410
    path = links.link_path(User.objects.get())
    reviewer.refresh_from_db()
    reviewer.set_password(NEW_PASSWORD)
    reviewer.save()
    assert Client().get(path).status_code == 410


def test_a_link_ends_after_72_hours(client, reviewer, monkeypatch):
    path = links.link_path(reviewer)
    now = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 72 * 3600 - 60)
    assert client.get(path).status_code == 200
    monkeypatch.setattr(signing.time, "time", lambda: now + 72 * 3600 + 60)
    assert client.get(path).status_code == 410


def test_a_forged_link_is_refused(client, reviewer):
    of_another_kind = signing.dumps([reviewer.pk, "x"])
    of_another_shape = signing.dumps("text", salt=links.SALT)
    for token in ("x", "a:b:c", of_another_kind, of_another_shape):
        assert client.get(f"/login-link/{quote(token)}/").status_code == 410


def test_an_inactive_person_has_no_link(client, reviewer):
    path = links.link_path(reviewer)
    User.objects.update(is_active=False)
    assert client.post(path).status_code == 410


def test_the_command_prints_a_working_link(client, reviewer, capsys):
    call_command("login_link", "REVIEWER1", url="https://lab.example/")
    link = capsys.readouterr().out.strip()
    assert link.startswith("https://lab.example/login-link/")
    assert client.get(link.removeprefix("https://lab.example")).status_code == 200


def test_the_link_has_the_address_of_the_site_where_it_is_set(reviewer, settings, capsys):
    settings.SITE_URL = "https://labels.example"
    call_command("login_link", "reviewer1")
    assert capsys.readouterr().out.startswith("https://labels.example/login-link/")


@pytest.mark.parametrize("url", ["labels.example", "https://", "ftp://labels.example", "javascript:alert(1)"])
def test_a_link_that_nobody_could_open_is_not_printed(reviewer, capsys, url):
    with pytest.raises(CommandError, match="is no address; one is https://"):
        call_command("login_link", "reviewer1", f"--url={url}")
    assert capsys.readouterr().out == ""


def test_the_command_names_who_is_missing():
    with pytest.raises(CommandError, match="nobody"):
        call_command("login_link", "nobody")


# --- setting a password ------------------------------------------------------------------------------------


def test_who_came_by_link_sets_a_password_without_the_old_one(client):
    manager = ensure_manager()
    client.post(links.link_path(manager))
    assert "Not now" in client.get("/password/").content.decode()
    response = client.post("/password/", {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    assert response.status_code == 302
    assert is_signed_in(client), "setting a password does not end this session"
    assert log_in(Client(), "manager", NEW_PASSWORD).status_code == 302


def test_a_chosen_password_no_longer_comes_from_the_file(client, reviewer):
    client.force_login(reviewer)
    client.post("/password/", {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    reviewer.refresh_from_db()
    assert reviewer.check_password(NEW_PASSWORD)
    assert not reviewer.password_is_from_file


def test_who_came_by_password_must_know_it_to_change_it(client, reviewer):
    client.force_login(reviewer)
    client.post("/password/", {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    reviewer.refresh_from_db()
    assert reviewer.check_password(PASSWORD)


@pytest.mark.parametrize("weak", ["short", "password1234", "reviewer1-xy"])
def test_a_weak_password_is_refused_with_a_reason(client, reviewer, weak):
    client.post(links.link_path(reviewer))
    response = client.post("/password/", {"new_password1": weak, "new_password2": weak})
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()


def test_a_new_password_ends_the_other_sessions(client, reviewer):
    other = Client()
    other.force_login(reviewer)
    client.force_login(reviewer)
    client.post("/password/", {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    assert other.get("/password/").status_code == 302
    assert client.get("/password/").status_code == 200


# --- sessions ----------------------------------------------------------------------------------------------


def test_the_session_key_changes_at_log_in_and_the_session_ends_at_log_out(client, reviewer):
    anonymous = client.session
    anonymous["planted"] = True
    anonymous.save()
    client.cookies["potato_session"] = anonymous.session_key
    log_in(client)
    assert client.session.session_key != anonymous.session_key
    kept = client.cookies["potato_session"].value
    assert client.get("/logout/").status_code == 405
    client.post("/logout/")
    client.cookies["potato_session"] = kept
    assert client.get("/password/").status_code == 302


@pytest.mark.parametrize(("is_superuser", "hours"), [(False, 12), (True, 1)])
def test_a_session_ends_after_hours_without_use(client, reviewer, is_superuser, hours):
    User.objects.update(is_superuser=is_superuser)
    log_in(client)
    assert client.session.get_expiry_age() == hours * 3600


def test_use_prolongs_a_session_but_not_at_every_request(client, reviewer, django_assert_num_queries, monkeypatch):
    log_in(client)
    client.get("/password/")
    with django_assert_num_queries(3):  # session, user, whether a crowd platform sent them
        client.get("/password/")
    from potato_site.accounts import middleware

    later = middleware.time.time() + 4 * 3600
    monkeypatch.setattr(middleware.time, "time", lambda: later)
    client.get("/password/")
    assert client.session[middleware.RENEWED_AT] == int(later)


# --- pages for people who are signed in --------------------------------------------------------------------


@signed_in
def page(request):
    return HttpResponse("page")


@signed_in_api
def endpoint(request):
    return HttpResponse("endpoint")


@pytest.fixture
def ask(rf, client):
    """Call a view as nobody."""
    from django.contrib.auth.models import AnonymousUser

    def call(view, **headers):
        request = rf.get("/projects/x/", {"a": "1"}, headers=headers)
        request.user = AnonymousUser()
        return view(request)

    return call


def test_a_page_sends_nobody_to_the_log_in_and_back(ask):
    assert ask(page).headers["Location"] == "/login/?next=%2Fprojects%2Fx%2F%3Fa%3D1"


def test_a_part_of_a_page_takes_the_whole_page_to_the_log_in(ask):
    response = ask(page, hx_request="true", hx_current_url="http://testserver/projects/x/")
    assert response.headers["HX-Redirect"] == "/login/?next=%2Fprojects%2Fx%2F"


@pytest.mark.parametrize(
    ("sent_from", "back"),
    [("http://testserver/admin/p/x/setup/?a=1", "?next=%2Fadmin%2Fp%2Fx%2Fsetup%2F%3Fa%3D1"),
     ("https://evil.example/setup/", ""), ("", "")],
)  # fmt: skip
def test_a_form_sent_while_signed_out_leads_back_to_its_page_and_says_that_nothing_was_saved(client, sent_from, back):
    url = "/password/"
    client.post(url, {"a": "1"}, headers={"referer": sent_from})
    response = client.post(url, {"a": "1"}, headers={"referer": sent_from})
    assert response.headers["Location"] == f"/login/{back}"
    shown = client.get(response.headers["Location"]).content.decode()
    assert shown.count("what you just sent was not saved") == 1, "it is said once, however often something was sent"


def test_an_endpoint_answers_401_and_says_where_to_sign_in(ask):
    response = ask(endpoint, hx_current_url="http://testserver/label/1/")
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/json"
    assert b'"error": "signed_out"' in response.content
    assert b"/login/?next=%2Flabel%2F1%2F" in response.content


def test_an_endpoint_does_not_repeat_a_strangers_address(ask):
    assert b"evil" not in ask(endpoint, hx_current_url="https://evil.example/").content


# --- the manager -------------------------------------------------------------------------------------------


def test_the_first_manager_is_made_once_and_without_a_password():
    manager = ensure_manager()
    assert (manager.username, manager.is_superuser, manager.has_usable_password()) == ("manager", True, False)
    assert ensure_manager() == manager


def test_an_annotator_called_manager_never_becomes_one():
    User.objects.create_user("Manager", password=PASSWORD)
    assert ensure_manager().username == "manager2"
    assert not User.objects.get(username="Manager").is_superuser
