using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>What a new session finds: its role, database and schema, and whether it can write there.</summary>
/// <param name="Role">The role, quoted for SQL like every name here.</param>
/// <param name="Database">The database.</param>
/// <param name="Schema">The schema that new tables go to; null if the search path leads nowhere.</param>
/// <param name="SearchPath">The search path as it is set.</param>
/// <param name="ClosedSchemas">
/// Schemas of the search path that the role may not use, although it needs what is in them.
/// </param>
/// <param name="MayReadHistory">The role may read which migrations are applied, if any are.</param>
/// <param name="Encoding">The encoding of the database.</param>
/// <param name="ProcessId">The process that answers; behind a pooler it is not the one that was connected to.</param>
/// <param name="IsStandby">The server is in recovery.</param>
/// <param name="IsReadOnly">A transaction cannot write, on a standby or by a setting.</param>
/// <param name="ReadOnlySource">Where that setting comes from, as <c>pg_settings</c> names it.</param>
internal sealed record DatabaseSession(
    string Role,
    string Database,
    string? Schema,
    string SearchPath,
    IReadOnlyList<string> ClosedSchemas,
    bool MayReadHistory,
    string Encoding,
    int ProcessId,
    bool IsStandby,
    bool IsReadOnly,
    string? ReadOnlySource
)
{
    private const string Query = $"""
        SELECT quote_ident(current_user), quote_ident(current_database()), quote_ident(current_schema()),
            current_setting('search_path'),
            ARRAY(
                SELECT quote_ident(nspname) FROM pg_namespace
                WHERE NOT has_schema_privilege(oid, 'USAGE')
                  AND nspname::text IN (
                      SELECT CASE WHEN name = '$user' THEN current_user::text ELSE name END
                      FROM unnest(string_to_array(current_setting('search_path'), ',')) AS entry,
                          btrim(entry, ' "') AS name)
                  AND (current_schema() IS NULL OR EXISTS (
                      SELECT FROM pg_class
                      WHERE relnamespace = pg_namespace.oid AND relname = '{MigrationHistory.Name}'))
            ),
            coalesce(has_table_privilege(to_regclass('{MigrationHistory.Table}'), 'SELECT'), true),
            current_setting('server_encoding'), pg_backend_pid(), pg_is_in_recovery(),
            current_setting('transaction_read_only')::bool,
            (SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only')
        """;

    public static async Task<DatabaseSession> ReadAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(Query, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new(
            reader.GetString(0),
            reader.GetString(1),
            reader.IsDBNull(2) ? null : reader.GetString(2),
            reader.GetString(3),
            reader.GetFieldValue<string[]>(4),
            reader.GetBoolean(5),
            reader.GetString(6),
            reader.GetInt32(7),
            reader.GetBoolean(8),
            reader.GetBoolean(9),
            reader.IsDBNull(10) ? null : reader.GetString(10)
        );
    }

    /// <summary>Finds why Exact's tables cannot be here for this role, with what to do; null if they can.</summary>
    /// <param name="setting">The setting with the connection string.</param>
    public string? FindObstacle(string setting) =>
        this switch
        {
            { Encoding: not "UTF8" } =>
                $"Database {Database} has the encoding {Encoding}, which cannot hold every character; Exact needs "
                    + $"UTF8. Name another database in {setting}, or create this one again: "
                    + $"CREATE DATABASE {Database} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';",
            { ClosedSchemas: { Count: > 0 } closed } =>
                $"Role {Role} may not use schema {string.Join(", ", closed)} of database {Database}, so it sees no "
                    + $"table there. As the owner of the schema, run: "
                    + $"GRANT USAGE ON SCHEMA {string.Join(", ", closed)} TO {Role};",
            { Schema: null } =>
                $"The search path of role {Role} in database {Database} is {Path}, and no schema of that name exists. "
                    + $"Correct \"Search Path\" in {setting}, or run: ALTER ROLE {Role} RESET search_path;",
            _ => null,
        };

    /// <summary>Says that the role may not read the history, with what to do; null if it may.</summary>
    public string? FindHistoryObstacle() =>
        MayReadHistory
            ? null
            : $"Role {Role} may not read which migrations are applied to database {Database}. As the owner of the "
                + $"table, run: GRANT SELECT ON {MigrationHistory.Table} TO {Role};";

    /// <summary>Says why migrations cannot be applied here, with what to do; null if the session can write.</summary>
    /// <param name="setting">The setting with the connection string.</param>
    public string? FindWriteObstacle(string setting) =>
        this switch
        {
            { IsStandby: true } =>
                $"Migrations cannot be applied: PostgreSQL is a standby and cannot be written to. Set {setting} to the "
                    + "address of the primary, or to several hosts with \"Target Session Attributes=primary\".",
            { IsReadOnly: true } =>
                $"Migrations cannot be applied: database {Database} is read-only for role {Role}, because "
                    + $"default_transaction_read_only is on. {WriteAgain(setting)}",
            _ => null,
        };

    private string Path => SearchPath.Length == 0 ? "empty" : SearchPath;

    private string WriteAgain(string setting) =>
        ReadOnlySource switch
        {
            "database" => $"Run: ALTER DATABASE {Database} RESET default_transaction_read_only;",
            "user" => $"Run: ALTER ROLE {Role} RESET default_transaction_read_only;",
            "database user" => $"Run: ALTER ROLE {Role} IN DATABASE {Database} RESET default_transaction_read_only;",
            "client" => $"Remove it from {setting}.",
            _ => "Switch it off in the configuration of the server.",
        };
}
