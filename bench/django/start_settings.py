"""Django's own applications with their own migrations, to see how long `migrate` takes that finds them applied."""

from settings import *

INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIGRATION_MODULES = {}
