#!/usr/bin/env python
"""Django's command line, with the same home and database as the ``potato`` command."""

from potato_site.cli import manage

if __name__ == "__main__":
    manage()
