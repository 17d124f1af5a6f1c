"""Potato's older dialect, translated to the new one.

Each older key moves to its place in the new dialect, so that everything behind reads one language. Both dialects may
stand in one file, but not two keys for the same thing.
"""

from __future__ import annotations

from typing import Any

from annotation.projects.notes import Notebook
from potato_site.safe_yaml import KeyPath

# Older key → place in the new dialect, where the value is taken as it is.
MOVED: dict[KeyPath, KeyPath] = {
    ("annotation_task_name",): ("project_name",),
    ("data_files",): ("data", "input_path"),
    ("item_properties", "id_key"): ("data", "id_key"),
    ("item_properties", "text_key"): ("data", "text_key"),
    ("output_annotation_dir",): ("output", "path"),
    ("output_annotation_format",): ("output", "format"),
    ("max_annotations_per_user",): ("instances_per_annotator",),
    ("user_config", "allow_all_users"): ("allow_all_users",),
    ("user_config", "users"): ("annotators",),
}
# Older keys that say how often each item is labeled.
PER_ITEM = ("annotation_per_instance", "max_annotations_per_item")
# Older keys that have no meaning here, and why.
WITHOUT_EFFECT = {
    "server_name": "the site has its own address (--host, --port)",
    "site_dir": "pages have one layout of their own",
    "base_html_template": "pages have one layout of their own",
    "header_file": "pages have one layout of their own",
    "site_file": "pages have one layout of their own",
    "customjs": "scripts of a configuration are not run",
    "customjs_hostname": "scripts of a configuration are not run",
    "require_password": "everybody logs in with a password or a log-in link",
    "user_config_path": "people are listed under annotators",
    "secret_key": "the private folder holds the key; take it out of this file",
    "debug": "set DEBUG in the environment",
    "session_lifetime_days": "sessions end after 12 hours",
}
# A scheme's older keys are translated for the types that this table names.
CHOICES = ("radio", "multiselect", "select")


def translate(value: dict[str, Any], book: Notebook) -> dict[str, Any]:
    """``value`` with every older key moved to its new place. Notes and origins go to ``book``."""
    result = dict(value)
    if not isinstance(result.get("task_dir", "."), str):
        book.error(("task_dir",), "Input should be a valid string")
        del result["task_dir"]
    for old, new in MOVED.items():
        _move(result, old, new, book)
    _drop_emptied(result, value, book)
    _per_item(result, book)
    for key, reason in WITHOUT_EFFECT.items():
        if result.pop(key, None) is not None:
            book.warn((key,), f"has no effect: {reason}")
    return _schemes(result, book)


def _move(result: dict[str, Any], old: KeyPath, new: KeyPath, book: Notebook) -> None:
    found = _take(result, old)
    if found is None:
        return
    parent = result
    for part in map(str, new[:-1]):
        if not isinstance(parent.get(part, {}), dict):
            return  # the new dialect's section is reported as a wrong type
        parent[part] = dict(parent.get(part, {}))
        parent = parent[part]
    if new[-1] in parent:
        book.error(old, f"says the same as {'.'.join(map(str, book.origin_of(new)))}; keep one of them")
        return
    parent[str(new[-1])] = found
    book.origins[new] = old


def _take(result: dict[str, Any], path: KeyPath) -> Any:
    """Remove and return what stands at ``path``; None if nothing does. Sub-mappings are copied, not changed."""
    key = str(path[0])
    if len(path) == 1:
        return result.pop(key, None)
    if not isinstance(result.get(key), dict):
        return None
    result[key] = dict(result[key])
    return _take(result[key], path[1:])


def _drop_emptied(result: dict[str, Any], original: dict[str, Any], book: Notebook) -> None:
    """A section of the older dialect goes once its keys have moved; those that are left are unknown."""
    for section in ("item_properties", "user_config"):
        left = result.pop(section, None)
        if left is not None and not isinstance(original[section], dict):
            book.error((section,), "Input should be a mapping of keys to values")
            continue
        for key in left or {}:
            book.warn((section, key), "is not a key we know; ignored", "unknown")


def _per_item(result: dict[str, Any], book: Notebook) -> None:
    """``annotation_per_instance: n``: n people label every item, so everything overlaps at depth n."""
    for key in PER_ITEM:
        count = result.pop(key, None)
        if count is None:
            continue
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 20:
            book.error((key,), "Input should be a whole number from 1 to 20")
            continue
        quality = result.setdefault("quality_control", {})
        if not isinstance(quality, dict):
            continue
        if {"overlap_percentage", "overlap_depth"} & set(quality):
            book.error((key,), "says the same as quality_control.overlap_percentage; keep one of them")
            continue
        result["quality_control"] = {
            **quality,
            "overlap_percentage": 100 if count > 1 else 0,
            "overlap_depth": max(2, count),
        }
        book.origins[("quality_control", "overlap_percentage")] = (key,)
        book.origins[("quality_control", "overlap_depth")] = (key,)


# --- schemes -----------------------------------------------------------------------------------------------


def _schemes(result: dict[str, Any], book: Notebook) -> dict[str, Any]:
    schemes = result.get("annotation_schemes")
    if isinstance(schemes, list):
        result["annotation_schemes"] = [
            _scheme(raw, ("annotation_schemes", index), book) if isinstance(raw, dict) else raw
            for index, raw in enumerate(schemes)
        ]
    return result


def _scheme(raw: dict[str, Any], path: KeyPath, book: Notebook) -> dict[str, Any]:
    """One scheme: ``label_requirement``, and for choices ``labels`` that are mappings, and keys by their order."""
    scheme = dict(raw)
    requirement = scheme.pop("label_requirement", None)
    if requirement is not None:
        required = requirement.get("required") if isinstance(requirement, dict) else requirement
        scheme.setdefault("required", required)
        book.origins[(*path, "required")] = (*path, "label_requirement")
    if scheme.get("annotation_type") in CHOICES and isinstance(scheme.get("labels"), list) and "options" not in scheme:
        _choices(scheme, path, book)
    return scheme


def _choices(scheme: dict[str, Any], path: KeyPath, book: Notebook) -> None:
    labels = scheme.pop("labels")
    scheme["options"] = [_option(label) for label in labels]
    book.origins[(*path, "options")] = (*path, "labels")
    for index, label in enumerate(labels):
        if isinstance(label, dict):
            for new, old in (("value", "name"), ("text", "name"), ("description", "tooltip")):
                book.origins[(*path, "options", index, new)] = (*path, "labels", index, old)
    named = [label for label in labels if isinstance(label, dict) and isinstance(label.get("name"), str)]
    keys = {label["name"]: label["key_value"] for label in named if "key_value" in label}
    if scheme.pop("sequential_key_binding", False) is True:
        names = [label.get("name") if isinstance(label, dict) else label for label in labels]
        keys = {str(name): str(place) for place, name in enumerate(names[:9], start=1)} | keys
    if keys and isinstance(scheme.get("keyboard_shortcuts", {}), dict):
        shortcuts = {name: str(key) if isinstance(key, int) else key for name, key in keys.items()}
        scheme["keyboard_shortcuts"] = shortcuts | scheme.get("keyboard_shortcuts", {})


def _option(label: Any) -> Any:
    if not isinstance(label, dict) or "name" not in label:
        return label
    option = {"value": label["name"], "text": label["name"], "description": label.get("tooltip", "")}
    rest = {key: value for key, value in label.items() if key not in {"name", "tooltip", "key_value"}}
    return {**option, **rest}
