"""Datasets over the REST API: traces go in as a stream, come out as documents."""
