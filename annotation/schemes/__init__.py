"""The scheme registry: ``annotation_type`` → the class that asks that kind of question.

A scheme is one file of this package (or of another package, through the entry-point group), its templates under
``annotation/schemes/`` and, if it needs script, one static file. The contract is ``annotation.schemes.base.Scheme``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from potato_site.registry import Registry

if TYPE_CHECKING:
    from annotation.schemes.base import Scheme

schemes: Registry[type[Scheme]] = Registry("potato_site.schemes", package="annotation.schemes")
