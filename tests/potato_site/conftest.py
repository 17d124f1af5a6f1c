import pytest
from django.db.backends.base.base import BaseDatabaseWrapper


@pytest.fixture
def second_database(monkeypatch):
    """Django's tests refuse every database that settings do not name; these tests open one of their own."""
    known = BaseDatabaseWrapper.ensure_connection

    def ensure(self) -> None:
        if self.alias in {"default", "snapshot"}:
            known(self)
        elif self.connection is None:
            self.connect()

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", ensure)
