"""
Loads fixtures, each into empty tables, and says what became of each. One process loads them all, since Django takes
half a second to start.

The argument is a file of JSON lines: first the queries that read the rows, by table; then a fixture a line, as a JSON
string. For each fixture a line is printed: {"rows": {table: [row, …]}}, or {"error": "…"} if loaddata raised.
"""

import json
import os
import sys
import tempfile
import warnings

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.core.management import call_command  # noqa: E402, it needs the settings
from django.db import connection, transaction  # noqa: E402

RESTART = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences
    WHERE schemaname = 'public' AND sequencename ~ '^(api|user_api|auth_user|auth_group)_'
"""


def load(path, queries):
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            cursor.execute(RESTART)  # sequences are not rolled back
            with transaction.atomic():
                call_command("loaddata", path, verbosity=0)
            return {"rows": {table: read(cursor, query) for table, query in queries.items()}}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        finally:
            transaction.set_rollback(True)  # the next fixture finds the tables empty again


def read(cursor, query):
    cursor.execute(query)
    return [row for row, in cursor.fetchall()]


def main():
    warnings.simplefilter("ignore")  # a fixture without records is worth a warning, and loads
    with open(sys.argv[1], encoding="utf-8") as lines, tempfile.TemporaryDirectory() as folder:
        queries = json.loads(next(lines))
        path = os.path.join(folder, "fixture.json")
        for line in lines:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(json.loads(line))
            print(json.dumps(load(path, queries)), flush=True)


main()
