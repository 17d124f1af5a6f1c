"""Exports over the REST API: ask, wait, download."""
