"""Large files of a form, while they arrive: in the private folder of uploads, neither in memory nor in /tmp.

Django removes them when the request ends, the sweep of uploads what a killed process left.
"""

from __future__ import annotations

import tempfile
from typing import Any

from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler

from potato_site.files import UNFINISHED
from traces.unpacking import uploads_folder


class ArrivingFile(TemporaryUploadedFile):
    """A file on its way in, private to the server's user."""

    def __init__(self, name: str, content_type: str, charset: str | None, extra: Any) -> None:
        # Django closes it, and so removes it, when the request ends.
        file = tempfile.NamedTemporaryFile(prefix=UNFINISHED, dir=uploads_folder())  # noqa: SIM115
        UploadedFile.__init__(self, file, name, content_type, 0, charset, extra)


class ArrivingFiles(TemporaryFileUploadHandler):
    """Streams every file of the request to disk."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        FileUploadHandler.new_file(self, *args, **kwargs)
        self.file = ArrivingFile(self.file_name or "", self.content_type or "", self.charset, self.content_type_extra)
