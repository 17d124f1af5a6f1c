"""What documents hold, in the names in which a converter says what it keeps."""

from traces.keeps import Keeps

# What every document has, or what the conversion adds.
ALWAYS = frozenset({"id", "source", "structured_turns"})
ALWAYS_OF_A_STEP = frozenset({"type", "step_idx"})
EMPTY: tuple[object, ...] = (None, "", [], {})


def as_sets(keeps):
    """(of the document, types of steps, of the steps)"""
    return tuple(frozenset(names.split()) for names in (keeps.document, keeps.steps, keeps.fields))


def found_in(docs):
    """What the documents hold between them; what is null or empty in all of them is not held."""
    document, steps, fields = set(), set(), set()
    for doc in docs:
        document |= {key for key, value in doc.items() if key not in ALWAYS and value not in EMPTY}
        if "metrics" in document and isinstance(doc.get("metrics"), dict):
            document |= {f"metrics.{key}" for key, value in doc["metrics"].items() if value is not None}
        for step in doc.get("structured_turns", ()):
            steps.add(step["type"])
            for key, value in step.items():
                if key not in ALWAYS_OF_A_STEP and value not in EMPTY:
                    is_exact = key == "diff" and not step.get("approximate")
                    fields.add("exact_diff" if is_exact else key)
    document.discard("metrics")
    return Keeps(*(" ".join(sorted(names)) for names in (document, steps, fields)))
