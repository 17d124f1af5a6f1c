import pytest
import zstandard

from potato_site.canonical import canonical
from traces.document import normalize
from traces.imports import import_files
from traces.models import Dataset, Document, TraceVersion
from traces.store import BATCH, expand, iter_documents, iter_opened, load_document, pack, unpack

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
    turns = [{"step_idx": 0, "type": "thinking", "content": "x" * (1 << 17)}]
    said = {"agent": {"name": ',"structured_turns":'}, "id": "a", "n": 2**70}
    documents = [{**said, "structured_turns": steps, "suggestions": {}} for steps in ([], turns, turns * 3)]
    nested = {**said, "agent": {"a": 1, "structured_turns": 2}, "structured_turns": turns}
    documents += [said, nested]
    for version, one in zip(versions, documents, strict=False):
        Document.objects.filter(pk=version).update(body=pack(one))
    opened = list(iter_opened(versions[: len(documents)]))
    assert [one.head for one in opened] == [said] * 3 + [None] * 2
    assert [one.whole() for one in opened] == documents


def test_a_look_at_the_head_expands_nothing_else(versions):
    """The steps of this one cannot even be expanded."""
    body = pack({"id": "a", "structured_turns": [{"step_idx": 0, "type": "thinking", "content": "x" * 1000}]})
    Document.objects.filter(pk=versions[0]).update(body=body[:-20])
    (opened,) = iter_opened(versions[:1])
    assert opened.head == {"id": "a"}
    with pytest.raises(zstandard.ZstdError):
        opened.whole()


def test_a_document_that_was_stored_as_one_frame_is_read(versions):
    """As they all were once."""
    doc = {"id": "a", "structured_turns": [{"step_idx": 0, "type": "thinking", "content": "x"}]}
    body = zstandard.ZstdCompressor().compress(canonical(doc))
    assert unpack(body) == doc
    Document.objects.filter(pk=versions[0]).update(body=body)
    (opened,) = iter_opened(versions[:1])
    assert (opened.head, opened.whole()) == (None, doc)


def test_the_text_of_a_document_comes_back_letter_by_letter():
    for doc in (
        {"id": "a", "structured_turns": []},
        {"id": "a", "structured_turns": [{"content": "é"}], "z": 1},
        {"id": "b"},
    ):
        assert expand(pack(doc)) == canonical(doc)


def test_any_zstd_expands_what_is_stored():
    """The frame with the length is one that it skips."""
    doc = normalize({"id": "a", "structured_turns": [{"type": "thinking", "content": "é"}]})
    reader = zstandard.ZstdDecompressor().stream_reader(pack(doc), read_across_frames=True)
    head, _, steps = reader.read().partition(b'}{"structured_turns"')
    assert head + b',"structured_turns"' + steps == canonical(doc)


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
