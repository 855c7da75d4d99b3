"""The settings with Django's own migrations, to see how long `migrate` takes that finds them applied."""

from settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.sessions"]
MIGRATION_MODULES = {}
