"""``potato export``: write the labels of a project as training data."""

from __future__ import annotations

import sys
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from annotation import queries
from exports.asked import UnknownScheme
from exports.build import Built, MissingPackage, build
from exports.effect import lets_none_in
from exports.formats import formats
from exports.options import Options, WrongOptions, kind_of, options_of
from exports.statistics import mixture
from exports.steps import UnknownReward
from exports.tasks import refresh
from potato_site.counts import plural
from potato_site.files import is_device
from potato_site.registry import UnknownPlugin

# Asked of the other faces only: the command line has no list to choose rows in.
NOT_HERE = {"traces"}
STDOUT = Path("/dev/stdout")


class Command(BaseCommand):
    help = "Write a project's labels as training data"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", required=True, help=f"one of: {', '.join(formats.names())}")
        parser.add_argument("--project", required=True, help="configuration file, output folder, or slug")
        parser.add_argument(
            "--output",
            required=True,
            type=_place,
            help="the file to write, replaced if there; folders are made; - for standard output",
        )
        group = parser.add_argument_group("what goes in", "docs/exports.md says more of each")
        for name in Options.model_fields:
            if name not in NOT_HERE:
                _add_option(group, name)

    def handle(self, **given: Any) -> None:
        if given["format"] not in formats:
            known = ", ".join(formats.names())
            raise CommandError(f"there is no export format {given['format']!r}; known: {known}")
        if given.get("pair_by") and formats.get(given["format"]).takes != "pairs":
            self.stderr.write(f"--pair_by has no effect on the format {given['format']}")
        output = given["output"]
        if is_device(output) and not formats.get(given["format"]).file:
            raise CommandError(f"{given['format']} is a folder: give it a name with --output")
        try:
            options = options_of({name: given[name] for name in Options.model_fields if given.get(name) is not None})
            project = queries.project_for(given["project"])
            refresh(project.pk)
            built = self._build(project.pk, given["format"], options, output)
        except WrongOptions as error:
            raise CommandError(
                "; ".join(f"--{name}: {message}" if name else message for name, message in error.problems)
            ) from error
        except (queries.NoProject, UnknownScheme, UnknownPlugin, UnknownReward, MissingPackage) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"cannot write {error.filename or output}: {error.strerror or error}") from error
        out = self.stderr if is_device(output) else self.stdout
        for line in summary(built, output):
            out.write(line)
        for line in built.warnings:
            self.stderr.write(f"warning: {line}")
        for line in built.without_effect:
            self.stderr.write(f"{'warning' if lets_none_in(line) else 'no effect'}: {line}")

    def _build(self, project_id: int, name: str, options: Options, output: Path) -> Built:
        with _progress() as progress:
            return build(project_id, name, options, output, progress=progress)


def _place(text: str) -> Path:
    return STDOUT if text == "-" else Path(text)


def _add_option(group: Any, name: str) -> None:
    """``--name``, spelled with underscores as the documents do or with dashes. Nothing given: the default."""
    kind, field = kind_of(name), Options.model_fields[name]
    flags = list(dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"]))
    more: dict[str, Any] = {"dest": name, "default": None, "help": _help(name, field.description or "")}
    if kind.base == "flag":
        # "--no-dedupe" and "--no_dedupe" both.
        group.add_argument(*flags, action=BooleanOptionalAction, **more)
        if "_" not in name:
            group.add_argument(f"--no_{name}", dest=name, action="store_false", default=None, help=SUPPRESS)
        return
    if kind.shape == "map":
        group.add_argument(*flags, action=_Into, metavar="LABEL=NUMBER", **more)
        return
    if kind.shape == "list":
        group.add_argument(*flags, action="extend", type=_names, metavar="A,B", **more)
        return
    types: dict[str, Any] = {"whole": int, "number": float}
    choices = {"choices": kind.choices} if kind.base == "choice" else {"metavar": kind.base.upper()}
    group.add_argument(*flags, type=types.get(kind.base, str), **choices, **more)


def _help(name: str, description: str) -> str:
    default = Options.model_fields[name].get_default(call_default_factory=True)
    if isinstance(default, bool):
        default = "yes" if default else "no"
    told = "" if default in (None, (), {}, "") else f" (default: {default})"
    return f"{description}{told}".replace("%", "%%")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pair(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        return name, float(value if equals else "")
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a label, = and a number") from None


class _Into(Action):
    """Collects LABEL=NUMBER, given several times or with commas, in a dictionary."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        known = dict(getattr(namespace, self.dest) or {})
        try:
            known.update(_pair(part) for part in str(values).split(","))
        except ArgumentTypeError as error:
            parser.error(str(error))
        setattr(namespace, self.dest, known)


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """A line on standard error that counts traces, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    with Progress("{task.completed:,} traces", console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        last = 0

        def show(done: int) -> None:
            nonlocal last
            # The same number again is a sign of life, and drawing takes time.
            if done != last:
                bar.update(task, completed=done)
                last = done

        yield show


def summary(built: Built, output: Path) -> list[str]:
    """What the command says: how many traces, and what is not in the file and why."""
    counts = built.counts
    paired = formats.get(built.format).takes == "pairs"
    noun = "pair" if paired else "row"
    # A stream takes the main file alone, which has only what is to train on.
    is_stream = is_device(output)
    shown = counts["in_main"] if is_stream else counts["rows"] - counts["only_beside"]
    some = f"{shown:,} of " if shown != counts["rows"] else ""
    is_told = paired or some or counts["rows"] != counts["traces"]
    what = f"{some}{plural(counts['rows'], noun)} of " if is_told else ""
    by = f", labeled by {built.scheme}" if built.scheme else ""
    # What is compressed has another ending than was asked for.
    first = built.files[0].name if built.files else ""
    written = output.with_name(first) if first.startswith(f"{output.name}.") and "/" not in first else output
    place = "standard output" if written == STDOUT else written
    lines = [f"{place}: {what}{plural(counts['traces'], 'trace')} ({built.size:,} bytes){by}"]
    if counts["by_several"] and not paired:
        tied = "" if formats.get(built.format).is_raw else f", {counts['ties']} of them tied"
        lines.append(f"  {counts['by_several']} by several annotators{tied}{' (needs_adjudication)' if tied else ''}")
    lines += [f"  beside it: {file.name}" for file in built.files[1:11] if not file.name.endswith(output.name)]
    if len(built.files) > 11:
        lines.append(f"  and {plural(len(built.files) - 11, 'more file')}")
    for split, number in counts["splits"].items():
        if split != "train":
            lines.append(f"  {split}: {number:,}{', not printed' if is_stream else ''}")
    if built.changes:
        told = ", ".join(f"{built.changes[word]:,} {word}" for word in ("added", "changed", "removed"))
        named = f"; named in {built.changes['file']}" if built.changes["file"] else ""
        lines.append(f"  since {built.changes['since_seq']}: {told}{named}")
    lines += [f"  left out: {_counted(number, reason)}" for reason, number in counts["left_out"].items()]
    lines += [f"  answers left out: {number:,} {reason}" for reason, number in counts["answers_left_out"].items()]
    lines += [f"  changed: {number:,} {reason}" for reason, number in counts["changed"].items()]
    for label, rewards in counts["mixed_rewards"].items():
        lines.append(f"  mixed: steps labeled {label} are worth {mixture(rewards)}, as revisions of the question said")
    if counts["unlabeled"]:
        lines.append(f"  not labeled yet: {plural(counts['unlabeled'], 'trace')} of {counts['items']}")
    if counts["uncompared"]:
        lines.append(f"  not compared yet: {counts['uncompared']:,} of {counts['pairs']:,} pairs")
    if counts["withdrawn"]:
        lines.append(f"  withdrawn: {plural(counts['withdrawn'], 'trace')}")
    return lines


def _counted(number: int, reason: str) -> str:
    what, space, more = reason.partition(" ")
    if what not in {"pairs", "comparisons", "traces"}:
        return f"{plural(number, 'trace')}, {reason}"
    return f"{number:,} {what.removesuffix('s') if number == 1 else what}{space}{more}"
