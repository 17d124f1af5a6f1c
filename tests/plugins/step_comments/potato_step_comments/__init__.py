"""A Django app, so that its template and static file are found."""
