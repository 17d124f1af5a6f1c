"""How files are imported: their format, the names of other records' keys, and what is done to the traces."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from traces.recognition import AUTO, converter_called
from traces.shaping import Shaping


@dataclass(frozen=True)
class ImportOptions:
    """``id_key`` and ``text_key`` are for records that lack ``id`` and ``issue_description``."""

    id_key: str = "id"
    text_key: str | None = None
    format: str = AUTO
    shaping: Shaping = field(default_factory=Shaping)

    def check(self) -> None:
        """Raises UnknownFormat."""
        if self.format != AUTO:
            converter_called(self.format)

    def as_params(self) -> dict[str, Any]:
        """As a job keeps them."""
        return asdict(self)

    @classmethod
    def of(cls, params: dict[str, Any]) -> ImportOptions:
        """From the parameters of a job, an older one's too."""
        return cls(
            params.get("id_key") or "id",
            params.get("text_key"),
            params.get("format") or AUTO,
            Shaping(**params.get("shaping", {})),
        )
