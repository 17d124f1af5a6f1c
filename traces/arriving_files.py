"""Large files of a form, while they arrive: in the private folder of uploads, neither in memory nor in /tmp.

A form may hold more files than a process may have open, so each is open only while it arrives and while it is read.
They are removed when the request ends; the sweep of uploads removes what a killed process left.
"""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler

from potato_site.files import UNFINISHED
from traces.unpacking import uploads_folder


class ArrivingFile(TemporaryUploadedFile):
    """A file on its way in, private to the server's user. It is read once, from its beginning to its end."""

    file: IO[bytes]

    def __init__(self, name: str, content_type: str, charset: str | None, extra: Any) -> None:
        file = tempfile.NamedTemporaryFile(prefix=UNFINISHED, dir=uploads_folder(), delete=False)  # noqa: SIM115
        UploadedFile.__init__(self, file, name, content_type, 0, charset, extra)
        self.path = Path(file.name)
        self.is_read = False
        # Of a request that cannot be read to its end, Django closes only the file that was arriving.
        self._remove = weakref.finalize(self, self.path.unlink, missing_ok=True)

    def arrived(self, size: int) -> None:
        """All of it is here: `size` bytes."""
        self.size = size
        self.file.close()

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes. At the end, which is b"", the file is closed."""
        if self.is_read:
            return b""
        if self.file.closed:
            self.file = self.path.open("rb")
        piece = self.file.read(size)
        if not piece or size < 0:
            self.file.close()
            self.is_read = True
        return piece

    def temporary_file_path(self) -> str:
        return str(self.path)

    def close(self) -> None:
        super().close()
        self._remove()


class ArrivingFiles(TemporaryFileUploadHandler):
    """Streams every file of the request to disk."""

    file: ArrivingFile

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        FileUploadHandler.new_file(self, *args, **kwargs)
        self.file = ArrivingFile(self.file_name or "", self.content_type or "", self.charset, self.content_type_extra)

    def file_complete(self, file_size: int) -> ArrivingFile:
        self.file.arrived(file_size)
        return self.file
