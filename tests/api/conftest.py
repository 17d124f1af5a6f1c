import pytest

from potato_site.api import buckets


@pytest.fixture(autouse=True)
def full_buckets():
    """Calls of one test are not counted against the next one's."""
    buckets.forget()
