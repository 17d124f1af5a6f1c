"""What an ordinary form may carry. A page that takes large files says so itself: see annotation.admin.large_files."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import MemoryFileUploadHandler

LIMIT_BYTES = 10 * 1024 * 1024


class SmallFiles(MemoryFileUploadHandler):
    """Files stay in memory. A request of more than 10 MB is refused (400) before it is read, whoever sends it."""

    def handle_raw_input(
        self, input_data: Any, META: dict[str, str], content_length: int, boundary: str, encoding: str | None = None
    ) -> None:
        if content_length > LIMIT_BYTES:
            raise RequestDataTooBig(f"A form of this page carries at most {LIMIT_BYTES // 1024**2} MB.")
        self.activated = True
