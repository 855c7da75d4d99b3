"""Where the database is, libpq's own environment says: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE."""

import os

SECRET_KEY = "nothing is signed with it"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "api", "user_api"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"]}}
MIGRATION_MODULES = {"auth": None, "contenttypes": None}  # `migrate --run-syncdb` makes all tables at once
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = False  # fixtures have naive timestamps, in UTC
TIME_ZONE = "UTC"
