"""Projects, items, assignments and submissions for programs: the functions and checks of the pages, as JSON."""
