"""``make bench``: what the product costs, as ratios measured side by side in one run.

Units: **E** is the server's CPU time of an authenticated empty view, **F** the bare floor named in the row. Absolute
figures depend on the machine; the ratios are what the targets are about. Run one benchmark by its name:
``make bench ONLY=save``; ``ONLY=export:prm,kto`` measures a part of it.

``DATABASE_URL=postgres://…`` measures on that server, in a database made for the run and dropped after it (the
named one's name with ``_bench``, never the named one itself). The CPU time of the server's process counts, too; where
it cannot be seen, on another machine, requests are measured in time, and the machine should have nothing else to do.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ALL = ["save", "next_item", "import_traces", "converters", "upload", "annotators", "overview", "export", "pair"]


def main() -> int:
    unknown = [name for name in sys.argv[1:] if name.partition(":")[0] not in ALL]
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="potato-bench-") as folder:
        os.environ.setdefault("SECRET_KEY", "benchmark-" + "x" * 40)
        os.environ["POTATO_HOME"] = str(Path(folder) / "home")
        Path(folder, "home").mkdir()
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.settings")
        import django

        django.setup()
        with database():
            return measure(sys.argv[1:] or ALL, Path(folder))


@contextmanager
def database() -> Iterator[None]:
    """An empty, migrated one, dropped at the end: what is measured must not stand in anybody's own."""
    from django.db import connections
    from django.test.utils import setup_databases, teardown_databases

    made = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        connections.close_all()
        teardown_databases(made, verbosity=0)


def measure(names: list[str], folder: Path) -> int:
    """The exit status: 1 when a target was missed."""
    missed = 0
    for name in names:
        name, _, parts = name.partition(":")
        module = importlib.import_module(f"tests.benchmarks.{name}")
        for row in module.run(folder / name, *filter(None, parts.split(","))):
            print(row, flush=True)
            missed += not row.met
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
