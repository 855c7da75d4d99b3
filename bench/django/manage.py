"""Django's command line, on the models beside it: what Exact's fixtures are compared with. The product does not need it."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
execute_from_command_line(sys.argv)
