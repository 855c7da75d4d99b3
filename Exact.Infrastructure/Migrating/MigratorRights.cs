using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>Finds, before the first statement of a migration, which right the migrator's role lacks for it.</summary>
internal static class MigratorRights
{
    private const string Query = """
        SELECT quote_ident(pg_get_userbyid(c.relowner)), quote_ident(name)
        FROM unnest(@tables) AS name
        JOIN pg_class c ON c.oid = to_regclass(quote_ident(name))
        WHERE NOT pg_has_role(c.relowner, 'USAGE')
        UNION ALL
        SELECT NULL, NULL WHERE NOT has_schema_privilege(current_schema(), 'CREATE')
        """;

    /// <summary>Returns the obstacle with the SQL that removes it; null if there is none.</summary>
    /// <param name="connection">The session that will migrate.</param>
    /// <param name="tables">Exact's tables, of which some may not exist yet.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    public static async Task<string?> FindObstacleAsync(
        NpgsqlConnection connection,
        IEnumerable<string> tables,
        CancellationToken cancellationToken
    )
    {
        var session = await DatabaseSession.ReadAsync(connection, cancellationToken);
        await using var command = new NpgsqlCommand(Query, connection);
        command.Parameters.AddWithValue("tables", tables.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var mayCreate = true;
        var foreign = new List<(string Owner, string Table)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            if (await reader.IsDBNullAsync(0, cancellationToken))
            {
                mayCreate = false;
            }
            else
            {
                foreign.Add((reader.GetString(0), reader.GetString(1)));
            }
        }

        return !mayCreate
                ? $"Permission denied for schema {session.Schema} of database {session.Database}: role {session.Role} "
                    + "may not create tables there. As its owner, run: "
                    + $"GRANT CREATE ON SCHEMA {session.Schema} TO {session.Role};"
            : foreign.Count > 0
                ? $"Role {session.Role} does not own {string.Join(", ", foreign.Select(one => one.Table))}, so it "
                    + $"cannot migrate them; owner: {string.Join(", ", foreign.Select(one => one.Owner).Distinct())}. "
                    + "Migrate as the owner, or as a superuser run: "
                    + string.Join(' ', foreign.Select(one => $"ALTER TABLE {one.Table} OWNER TO {session.Role};"))
            : null;
    }
}
