"""What a project file does to people, and what it never does."""

import shutil

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from annotation.assignments.handout import hand_out
from annotation.models import Membership, Slot
from annotation.projects.load import load_file
from potato_site.accounts import links
from potato_site.accounts.models import AuditEntry, User
from tests.annotation.test_load import edit, load, tables
from tests.factory import write_project

pytestmark = pytest.mark.django_db


def file_of(folder, *people, name="Test project"):
    folder.mkdir(exist_ok=True)
    return write_project(folder, name=name, annotators=list(people))


def entry(name, password=None):
    return {"username": name} | ({"password": password} if password else {})


def said(report, path):
    return [note.message for note in report.warnings if note.path == path]


def may_log_in(name, password):
    return User.objects.get(username=name).check_password(password)


def state_of(name):
    return Membership.objects.get(user__username=name, role="annotator").state


def test_people_of_the_file_log_in_with_its_passwords(tmp_path):
    load(file_of(tmp_path, entry("ann", "pw_ann")))
    assert may_log_in("ann", "pw_ann")
    assert not may_log_in("ann", "pw_bob")


def test_passwords_are_hashed_with_argon2(tmp_path, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    load(file_of(tmp_path, entry("ann", "pw_ann")))
    assert User.objects.get(username="ann").password.startswith("argon2$argon2id$")


def test_no_password_is_in_any_table_or_file_but_the_projects_own(tmp_path, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    path = file_of(tmp_path, entry("ann", "pw_ann_secret"))
    load(path)
    edit(path, lambda value: value["annotators"].append(entry("bob", "pw_bob_secret")))
    load(path)
    assert "_secret" not in str(tables())
    holders = [file for file in tmp_path.rglob("*") if file.is_file() and b"_secret" in file.read_bytes()]
    assert holders == [path]


def test_without_a_password_only_a_log_in_link_lets_in(tmp_path):
    load(file_of(tmp_path, entry("ann")))
    assert not User.objects.get(username="ann").has_usable_password()


def test_a_password_may_come_from_the_environment(tmp_path, monkeypatch):
    path = file_of(tmp_path, entry("ann", "env:ANN_PASSWORD"))
    report = load(path)
    assert said(report, "annotators.0.password") == [
        "the environment has no variable ANN_PASSWORD: an account that is there keeps its password, a new one has none "
        "and is let in by `potato login-link ann`"
    ]
    assert not User.objects.get(username="ann").has_usable_password()
    monkeypatch.setenv("ANN_PASSWORD", "from outside")
    load(path)
    assert may_log_in("ann", "from outside")


def test_an_edited_password_is_taken_from_the_file_that_made_the_account(tmp_path):
    path = file_of(tmp_path, entry("ann", "old"))
    load(path)
    edit(path, lambda value: value["annotators"][0].update(password="new"))
    report = load(path)
    assert may_log_in("ann", "new")
    assert said(report, "annotators.0.password") == []


def test_a_password_that_the_person_chose_stays(tmp_path):
    path = file_of(tmp_path, entry("ann", "old"))
    load(path)
    ann = User.objects.get(username="ann")
    ann.set_password("my own choice")
    ann.password_is_from_file = False
    ann.save()
    report = load(path)
    assert may_log_in("ann", "my own choice")
    assert said(report, "annotators.0.password") == [
        "the account 'ann' exists with another password, which stays (it was set elsewhere)"
    ]


def test_an_account_of_another_project_joins_and_keeps_its_password(tmp_path):
    load(file_of(tmp_path / "a", entry("ann", "first")))
    report = load(file_of(tmp_path / "b", entry("ann", "second"), name="B"))
    assert may_log_in("ann", "first")
    assert len(said(report, "annotators.0.password")) == 1
    assert Membership.objects.filter(user__username="ann", state="active").count() == 2


def test_links_and_sessions_of_the_first_project_end_when_a_file_of_another_names_the_account(tmp_path):
    load(file_of(tmp_path / "a", entry("ann")))
    ann = User.objects.get(username="ann")
    token = links.link_path(ann).split("/")[2]
    assert links.user_of(token) == ann
    load(file_of(tmp_path / "b", entry("ann"), name="B"))
    assert links.user_of(token) is None
    assert User.objects.get(username="ann").session_generation == ann.session_generation + 1


def test_who_is_taken_out_of_the_file_holds_no_place_any_more(tmp_path):
    path = file_of(tmp_path, entry("ann"), entry("bob"))
    project = load(path).project
    ann = User.objects.get(username="ann")
    hand_out(project, ann)
    assert Slot.objects.filter(assignment__annotator=ann).exists()
    edit(path, lambda value: value["annotators"].pop(0))
    load(path)
    assert state_of("ann") == "inactive"
    assert not Slot.objects.filter(assignment__annotator=ann).exists()


def test_the_same_password_in_two_projects_is_no_matter(tmp_path):
    load(file_of(tmp_path / "a", entry("ann", "same")))
    report = load(file_of(tmp_path / "b", entry("ann", "same"), name="B"))
    assert said(report, "annotators.0.password") == []
    assert Membership.objects.filter(user__username="ann", role="annotator").count() == 2


def test_a_name_in_another_case_is_the_same_person(tmp_path):
    load(file_of(tmp_path / "a", entry("ann", "pw")))
    load(file_of(tmp_path / "b", entry("ANN", "pw"), name="B"))
    assert User.objects.filter(is_staff=False).count() == 1
    assert Membership.objects.filter(user__username="ann", role="annotator").count() == 2


def test_a_file_never_touches_staff(tmp_path):
    path = file_of(tmp_path, entry("manager", "let me in"), entry("ann", "pw"))
    report = load(path)
    assert not User.objects.get(username="manager").has_usable_password()
    assert said(report, "annotators.0.username") == ["'manager' is staff; a file never touches staff. Left as it is"]
    assert not Membership.objects.filter(user__username="manager", role="annotator").exists()


def test_who_is_no_longer_in_the_file_is_inactive_and_comes_back_with_it(tmp_path):
    path = file_of(tmp_path, entry("ann", "pw"), entry("bob", "pw"))
    load(path)
    edit(path, lambda value: value["annotators"].pop())
    load(path)
    assert (state_of("ann"), state_of("bob")) == ("active", "inactive")
    assert may_log_in("bob", "pw")
    edit(path, lambda value: value["annotators"].append(entry("bob", "pw")))
    load(path)
    assert state_of("bob") == "active"


def test_who_a_manager_put_out_stays_out_while_the_file_says_nothing_new(tmp_path):
    path = file_of(tmp_path, entry("ann", "pw"))
    load(path)
    Membership.objects.filter(user__username="ann").update(state=Membership.State.INACTIVE)
    edit(path, lambda value: value["annotators"].append(entry("bob", "pw")))
    load(path)
    assert (state_of("ann"), state_of("bob")) == ("inactive", "active")


def test_who_a_manager_added_is_not_removed_by_a_file_that_never_named_them(tmp_path):
    path = file_of(tmp_path, entry("ann", "pw"))
    project = load(path).project
    guest = User.objects.create_user("guest")
    Membership.objects.create(project=project, user=guest, role="annotator", source=Membership.Source.ADMIN)
    edit(path, lambda value: value["annotators"].append(entry("bob", "pw")))
    load(path)
    assert state_of("guest") == "active"


def test_somebody_who_is_no_superuser_can_only_invite_an_account_of_others(tmp_path):
    load(file_of(tmp_path / "a", entry("ann", "pw")))
    lead = User.objects.create_user("lead", is_staff=True)
    path = file_of(tmp_path / "b", entry("ann", "pw"), entry("new", "pw"), name="B")
    project = load_file(path, tmp_path / "home", made_by=lead).project
    states = dict(project.memberships.values_list("user__username", "state"))
    assert states == {"lead": "active", "ann": "invited", "new": "active"}


def test_what_happens_to_people_is_written_down_without_passwords(tmp_path):
    load(file_of(tmp_path, entry("ann", "pw_secret")))
    assert AuditEntry.objects.get(action="people.change").after == [{"user": "ann", "change": "account made"}]


def test_plain_text_is_warned_about_on_the_terminal(tmp_path, capsys, settings):
    settings.POTATO_HOME = tmp_path / "output" / ".potato"
    call_command("load", str(file_of(tmp_path, entry("ann", "pw_secret"))))
    said_there = capsys.readouterr()
    assert "config.yaml holds passwords as plain text" in said_there.err
    assert "pw_secret" not in said_there.out + said_there.err


def test_the_log_in_page_takes_the_name_in_any_case(tmp_path, rf):
    load(file_of(tmp_path, entry("Ann", "pw_ann")))
    assert authenticate(rf.post("/login/"), username="aNN", password="pw_ann") == User.objects.get(username="Ann")


def test_a_moved_folder_keeps_its_people(tmp_path):
    load(file_of(tmp_path / "a", entry("ann", "pw")))
    shutil.move(tmp_path / "a", tmp_path / "moved")
    report = load(tmp_path / "moved" / "config.yaml")
    assert report.changed == []
    assert state_of("ann") == "active"
