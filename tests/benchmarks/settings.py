"""The product's settings, plus one empty view to measure against and, on a server, a database of the run's own."""

from potato_site.settings import *  # noqa: F403
from potato_site.settings import DATABASES

# A loop of saves is measured, not the limit that would end it.
LABEL_REQUESTS_PER_MINUTE = 10**9
ROOT_URLCONF = "tests.benchmarks.urls"
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["TEST"] = {"NAME": f"{DATABASES['default']['NAME']}_bench"}
