using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>What the application's role lacks to use Exact's tables.</summary>
/// <param name="MissingTables">Tables that do not exist, quoted.</param>
/// <param name="Grants">The SQL that gives the role what every request needs.</param>
/// <param name="Advice">The SQL that gives the role what only an import needs.</param>
internal sealed record ApplicationRights(
    IReadOnlyList<string> MissingTables,
    IReadOnlyList<string> Grants,
    IReadOnlyList<string> Advice
)
{
    /// <summary>What is lacking, as sentences with the SQL to run.</summary>
    public IEnumerable<string> Warnings =>
        Grants
            .Select(grant => $"The application's role lacks a right that requests need. As the owner, run: {grant}")
            .Concat(
                Advice.Select(grant =>
                    $"The application's role lacks a right that imports need. As the owner, run: {grant}"
                )
            );

    private const string Update = "UPDATE";

    private static readonly string[] Read = ["SELECT"];
    private static readonly string[] ReadAndWrite = ["SELECT", "INSERT", Update, "DELETE"];

    // An identity column needs no right on its sequence, but the journal takes its numbers itself, and an import raises
    // the sequence to the keys that it wrote.
    private const string Query = """
        WITH tables AS (
            SELECT quote_ident(name) AS name, to_regclass(quote_ident(name))::oid AS oid,
                CASE WHEN name = @history THEN @read ELSE @needed END AS needed
            FROM unnest(@tables || @history) AS name
        )
        SELECT '', name, oid IS NULL, ARRAY(SELECT p FROM unnest(needed) AS p WHERE NOT has_table_privilege(oid, p))
        FROM tables
        UNION ALL
        SELECT 'SEQUENCE ', s.oid::regclass::text, false, array_remove(ARRAY[
            CASE WHEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE') THEN 'USAGE' END,
            CASE WHEN NOT has_sequence_privilege(s.oid, 'UPDATE') THEN 'UPDATE' END], NULL)
        FROM tables t
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
            AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE cardinality(t.needed) > 1
        """;

    /// <summary>Reads them; a session that cannot write needs only to read.</summary>
    public static async Task<ApplicationRights> ReadAsync(
        NpgsqlConnection connection,
        DatabaseSession session,
        IReadOnlyList<string> tables,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(Query, connection);
        command.Parameters.AddWithValue("tables", tables.ToArray());
        command.Parameters.AddWithValue("history", MigrationHistory.Name);
        command.Parameters.AddWithValue("read", Read);
        command.Parameters.AddWithValue("needed", session.IsReadOnly ? Read : ReadAndWrite);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var absent = new List<string>();
        var lacking = new List<(string Kind, string Name, string[] Privileges)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var name = reader.GetString(1);
            if (reader.GetBoolean(2))
            {
                absent.Add(name);
            }
            else if (reader.GetFieldValue<string[]>(3) is { Length: > 0 } privileges)
            {
                lacking.Add((reader.GetString(0), name, privileges));
            }
        }

        var ofImports = lacking.ToLookup(one => one is { Kind.Length: > 0, Privileges: [Update] });
        return new(absent, Write(ofImports[false], session.Role), Write(ofImports[true], session.Role));
    }

    private static IReadOnlyList<string> Write(
        IEnumerable<(string Kind, string Name, string[] Privileges)> lacking,
        string role
    ) =>
        [
            .. from one in lacking
            group one.Name by (one.Kind, Privileges: string.Join(", ", one.Privileges)) into alike
            select $"GRANT {alike.Key.Privileges} ON {alike.Key.Kind}{string.Join(", ", alike)} TO {role};",
        ];
}
