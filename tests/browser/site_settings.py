"""The settings of the installation that the browser visits: the product's, but for the time that passwords take.

Argon2 is slow by design, and each project that is loaded checks its people's passwords: a quarter of these tests' time.
What ``potato start`` serves (``test_main_job.py``) has the product's own.
"""

from potato_site.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
