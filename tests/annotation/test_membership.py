"""What a manager does to people: paused, removed, taken back, another role, labels left out."""

import pytest

from annotation.answers.ops import apply_ops
from annotation.assignments.handout import hand_out
from annotation.models import Answer, Assignment, Membership, Slot
from annotation.projects import invitations, membership
from annotation.projects.load import load_file
from annotation.projects.membership import Refused
from annotation.queries import labeled_traces
from potato_site.accounts.models import AuditEntry, User
from tests.factory import answers, make_project, op, person, submit_item

pytestmark = pytest.mark.django_db
Role, State, Stage = Membership.Role, Membership.State, Membership.Stage


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


@pytest.fixture
def boss(project) -> User:
    """The only manager."""
    Membership.objects.filter(role=Role.MANAGER).delete()
    user = User.objects.create_user("boss")
    Membership.objects.create(project=project, user=user, role=Role.MANAGER, source=Membership.Source.ADMIN)
    return user


def of(name: str) -> Membership:
    return Membership.objects.get(user__username=name)


def test_a_paused_person_gets_no_item_and_learns_why_until_resumed(project, boss):
    membership.pause(of("ann"), boss)
    assert "paused your work" in hand_out(project, person("ann")).reason
    membership.resume(of("ann"), boss)
    assert hand_out(project, person("ann")).assignment is not None


def test_who_is_removed_gives_open_work_back_and_keeps_the_labels(project, boss):
    given = hand_out(project, person("ann")).assignment
    apply_ops(given.public_id, person("ann"), [op("outcome", {"": "resolved"})])
    membership.deactivate(of("ann"), boss)
    given.refresh_from_db()
    assert (given.state, given.reason) == ("released", membership.REMOVED)
    assert not Slot.objects.filter(assignment=given).exists()
    assert Answer.objects.get(assignment=given, scheme="outcome").value == {"": "resolved"}
    assert hand_out(project, person("ann")).assignment is None


def test_a_reopened_item_of_a_removed_person_is_submitted_again(project, boss):
    from annotation.assignments.states import reopen

    submission = submit_item(project, "ann", answers(1))
    reopen(submission.assignment.public_id, person("ann"))
    membership.deactivate(of("ann"), boss)
    assert Assignment.objects.get(pk=submission.assignment_id).state == "submitted"
    assert len(list(labeled_traces(project, using="default"))) == 1


def test_a_person_who_was_removed_is_taken_back(project, boss):
    membership.deactivate(of("ann"), boss)
    membership.activate(of("ann"), boss)
    assert hand_out(project, person("ann")).assignment is not None


def test_nobody_is_taken_in_who_has_not_accepted(project, boss):
    Membership.objects.filter(user__username="ann").update(state=State.INVITED)
    with pytest.raises(Refused, match="not accepted"):
        membership.activate(of("ann"), boss)
    assert of("ann").state == State.INVITED


def test_who_declined_is_asked_again_and_never_taken_in(client, project, boss):
    User.objects.create_user("stranger")
    invitations.invite_names(project, [invitations.Entry("stranger")], boss)
    membership.decline(of("stranger"))
    client.force_login(boss)
    path = f"/admin/p/{project.slug}/people/{of('stranger').pk}/"
    page = client.post(path, {"action": "return"}, follow=True).content.decode()
    assert "Asked: stranger sees it on the home page" in page
    assert of("stranger").state == State.INVITED


def test_a_project_keeps_one_active_manager(project, boss):
    for change in (membership.deactivate, lambda m, by: membership.set_role(m, Role.VIEWER, by)):
        with pytest.raises(Refused, match="no manager left"):
            change(of("boss"), boss)
    assert (of("boss").role, of("boss").state) == (Role.MANAGER, State.ACTIVE)
    membership.set_role(of("ann"), Role.MANAGER, boss)
    membership.deactivate(of("boss"), boss)
    assert of("boss").state == State.INACTIVE


def test_a_manager_who_cannot_log_in_does_not_count_as_one(project, boss):
    membership.set_role(of("ann"), Role.MANAGER, boss)
    User.objects.filter(username="ann").update(is_active=False)
    with pytest.raises(Refused, match="no manager left"):
        membership.deactivate(of("boss"), boss)


def test_another_role_ends_the_first_one_and_its_open_work(project, boss):
    given = hand_out(project, person("ann")).assignment
    membership.set_role(of("ann"), Role.VIEWER, boss)
    states = dict(Membership.objects.filter(user__username="ann").values_list("role", "state"))
    assert states == {Role.ANNOTATOR: State.INACTIVE, Role.VIEWER: State.ACTIVE}
    given.refresh_from_db()
    assert given.state == "released"


def test_a_file_loaded_again_leaves_a_changed_role_as_it_is(tmp_path, project, boss):
    membership.set_role(of("ann"), Role.VIEWER, boss)
    load_file(tmp_path / "config.yaml", tmp_path / "output" / ".potato")
    assert Membership.objects.get(user__username="ann", role=Role.ANNOTATOR).state == State.INACTIVE


def test_excluded_labels_leave_the_exports_and_come_back(project, boss):
    submit_item(project, "ann", answers(1))
    seq = type(project).objects.get().seq
    membership.exclude(of("ann"), boss)
    assert list(labeled_traces(project, using="default")) == []
    assert type(project).objects.get().seq > seq, "cached statistics and exports are made anew"
    membership.exclude(of("ann"), boss, excluded=False)
    assert len(list(labeled_traces(project, using="default"))) == 1


def test_an_excluded_person_stays_excluded_in_another_role(project, boss):
    membership.exclude(of("ann"), boss)
    membership.set_role(of("ann"), Role.VIEWER, boss)
    assert set(Membership.objects.filter(user__username="ann").values_list("is_excluded", flat=True)) == {True}


def test_every_change_leaves_an_entry_and_no_change_leaves_none(project, boss):
    before = AuditEntry.objects.count()
    membership.resume(of("ann"), boss)
    membership.exclude(of("ann"), boss, excluded=False)
    membership.set_role(of("ann"), Role.ANNOTATOR, boss)
    assert AuditEntry.objects.count() == before
    membership.pause(of("ann"), boss)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.user, entry.action, entry.object) == (boss, "people.pause", "ann (annotator)")
    assert (entry.before, entry.after) == ({"stage": "production"}, {"stage": "paused"})


def test_managers_have_the_dataset_as_long_as_they_manage_a_project_of_it(project, boss):
    _, path = invitations.invite(project, Role.MANAGER, boss)
    newcomer = invitations.register(path.strip("/").split("/")[-1], "mara", "a-long-password-1")
    assert newcomer in project.dataset.managers.all()
    membership.deactivate(of("mara"), boss)
    assert newcomer not in project.dataset.managers.all()
    membership.activate(of("mara"), boss)
    assert newcomer in project.dataset.managers.all()
    membership.set_role(of("mara"), Role.VIEWER, boss)
    assert newcomer not in project.dataset.managers.all()
