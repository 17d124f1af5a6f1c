"""The product's settings, plus one empty view to measure against and, on a server, a database of the run's own."""

from potato_site.settings import *  # noqa: F403
from potato_site.settings import DATABASES

ROOT_URLCONF = "tests.benchmarks.urls"
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["TEST"] = {"NAME": f"{DATABASES['default']['NAME']}_bench"}
