using Npgsql;

namespace Exact.Infrastructure.Transfer.Django;

/// <summary>Which of Django's tables a database has, where, and with which columns.</summary>
internal sealed class DjangoCatalog
{
    private readonly Dictionary<string, (string Place, bool CanLock)> tables = [];
    private readonly Dictionary<string, Dictionary<string, string>> columns = [];

    /// <summary>The table with its schema, quoted.</summary>
    public string this[string table] => tables[table].Place;

    public bool Has(string table) => tables.ContainsKey(table);

    /// <summary>The type of each column, by name.</summary>
    public IReadOnlyDictionary<string, string> ColumnsOf(string table) => columns[table];

    /// <summary>What the search path leads to.</summary>
    /// <exception cref="DjangoMismatchException">There is no such table.</exception>
    public static async Task<DjangoCatalog> FindAsync(
        NpgsqlConnection connection,
        IReadOnlyList<DjangoTable> models,
        CancellationToken cancellationToken
    )
    {
        var lists = models.SelectMany(model => model.Lists).ToList();
        var catalog = new DjangoCatalog();
        string[] required =
        [
            .. models.Select(model => model.Name),
            .. lists.Where(list => list.IsCarried).Select(list => list.Table),
        ];
        string[] counted = [.. lists.Where(list => !list.IsCarried).Select(list => list.Table)];
        await catalog.FindAsync(connection, required, counted, cancellationToken);
        var missing = required.Where(table => !catalog.Has(table)).ToList();
        if (missing.Count > 0)
        {
            await using var command = new NpgsqlCommand(
                "SELECT array_to_string(current_schemas(false), ', ')",
                connection
            );
            var schemas = await command.ExecuteScalarAsync(cancellationToken);
            throw new DjangoMismatchException(
                $"has no table {string.Join(", ", missing)} in its search path ({schemas}).",
                "Name the database of the Django backend, and its schema as Search Path if that is not public."
            );
        }

        return catalog;
    }

    /// <summary>Keeps TRUNCATE and rewrites away, after which the snapshot would see an empty table.</summary>
    public string LockSql()
    {
        var names = tables.Values.Where(table => table.CanLock).Select(table => table.Place).ToList();
        return names.Count == 0 ? "" : $"LOCK TABLE {string.Join(", ", names)} IN ACCESS SHARE MODE;";
    }

    /// <summary>Reads the columns, which cannot change any more.</summary>
    public async Task ReadColumnsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT t.name, a.attname::text,
                (CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE y.oid END)::regtype::text
            FROM unnest(@names, @places) t(name, place)
            JOIN pg_attribute a ON a.attrelid = t.place::regclass AND a.attnum > 0 AND NOT a.attisdropped
            JOIN pg_type y ON y.oid = a.atttypid
            ORDER BY t.name, a.attnum
            """,
            connection
        );
        command.Parameters.AddWithValue("names", tables.Keys.ToArray());
        command.Parameters.AddWithValue("places", tables.Values.Select(table => table.Place).ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        foreach (var table in tables.Keys)
        {
            columns[table] = [];
        }

        while (await reader.ReadAsync(cancellationToken))
        {
            columns[reader.GetString(0)].Add(reader.GetString(1), reader.GetString(2));
        }
    }

    private async Task FindAsync(
        NpgsqlConnection connection,
        string[] required,
        string[] counted,
        CancellationToken cancellationToken
    )
    {
        // A table that is only counted is left out where it may not be read; for the others the server refuses.
        await using var command = new NpgsqlCommand(
            """
            SELECT t.name, format('%I.%I', n.nspname, c.relname), c.relkind IN ('r', 'p', 'v')
            FROM unnest(@required || @counted) t(name)
            JOIN pg_class c ON c.oid = to_regclass(t.name) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE t.name <> ALL (@counted) OR has_table_privilege(c.oid, 'SELECT')
            """,
            connection
        );
        command.Parameters.AddWithValue("required", required);
        command.Parameters.AddWithValue("counted", counted);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            tables.Add(reader.GetString(0), (reader.GetString(1), reader.GetBoolean(2)));
        }
    }
}
