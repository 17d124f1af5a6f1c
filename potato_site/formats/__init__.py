"""How dates and times are written where a page does not say (Django's FORMAT_MODULE_PATH)."""
