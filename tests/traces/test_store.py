import pytest

from traces.document import normalize
from traces.imports import import_files
from traces.models import Dataset, Document, TraceVersion
from traces.store import BATCH, BLOCK, iter_documents, iter_opened, load_document, pack, unpack

pytestmark = pytest.mark.django_db


@pytest.fixture
def versions(tmp_path):
    count = BATCH * 2 + 1
    (tmp_path / "t.jsonl").write_text("".join(f'{{"id": {number}}}\n' for number in range(count)))
    import_files(Dataset.objects.create(name="d"), [tmp_path / "t.jsonl"])
    return list(TraceVersion.objects.order_by("pk").values_list("pk", flat=True))


def test_a_document_comes_back_as_it_was_packed():
    doc = normalize({"id": "a", "n": 2**70, "x": [1.5, None, True, "é\u2028😀"], "structured_turns": []})
    assert unpack(pack(doc)) == doc
    assert pack(doc) == pack(dict(reversed(doc.items())))


def test_the_head_of_a_document_is_what_it_says_before_its_steps(versions):
    turns = [{"step_idx": 0, "type": "thinking", "content": "x" * BLOCK}]
    said = {"agent": {"name": ',"structured_turns":'}, "id": "a", "n": 2**70}
    with_head = [{**said, "structured_turns": steps, "suggestions": {}} for steps in ([], turns, turns * 3)]
    others = [{**said, "agent": {"a": 1, "structured_turns": 2}}, {**said, "final_patch": "y" * BLOCK}]
    documents = [*with_head, said, *({**one, "structured_turns": turns} for one in others)]
    for version, one in zip(versions, documents, strict=False):
        Document.objects.filter(pk=version).update(body=pack(one))
    opened = list(iter_opened(versions[: len(documents)]))
    assert [one.head() for one in opened] == [said] * 3 + [None] * 3
    assert [one.whole() for one in opened] == documents


def test_documents_come_in_the_order_asked_for(versions, django_assert_num_queries):
    wanted = [*reversed(versions), versions[0]]
    with django_assert_num_queries(3):
        documents = list(iter_documents(wanted))
    assert [doc["id"] for doc in documents] == [str(number) for number in reversed(range(len(versions)))] + ["0"]
    assert load_document(versions[5])["id"] == "5"


def test_a_missing_document_is_an_error_not_a_gap(versions):
    with pytest.raises(Document.DoesNotExist):
        list(iter_documents([versions[0], versions[-1] + 1]))
    with pytest.raises(Document.DoesNotExist):
        load_document(versions[-1] + 1)
