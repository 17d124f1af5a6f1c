"""What the REST API of every app stands on: tokens, problems, pages, idempotency, the base of an endpoint.

An app adds its own endpoints in ``<app>/api/`` and its addresses to :mod:`potato_site.api.urls`, by name.
"""
