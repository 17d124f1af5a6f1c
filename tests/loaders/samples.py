"""Write every format's sample: ``python -m tests.loaders.samples FOLDER``."""

import os
import sys
from pathlib import Path


def main(folder: Path) -> None:
    os.environ.setdefault("SECRET_KEY", "loaders-" + "x" * 40)
    os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "potato_site.settings")
    import django

    django.setup()
    from exports.formats import formats
    from tests.exports.samples import sample_of

    for name, writer in formats.items():
        for file, content in sample_of(writer()).items():
            path = folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
