using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>Reads what the history and the journal say about the migrations of a database.</summary>
internal static class MigrationRecords
{
    /// <summary>Reads the applied migrations, in order; none if there is no history yet.</summary>
    public static async Task<IReadOnlyList<AppliedMigration>> ReadAppliedAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        if (!await HasHistoryAsync(connection, cancellationToken))
        {
            return [];
        }

        await using var command = new NpgsqlCommand(
            $"""
            {RowSecurity.Off}
            SELECT migration_id, applied_at, extract(epoch FROM duration)::float8, applied_by, product_version,
                provider_version, hash
            FROM {MigrationHistory.Table} ORDER BY migration_id
            """,
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var applied = new List<AppliedMigration>();
        while (await reader.ReadAsync(cancellationToken))
        {
            applied.Add(
                new AppliedMigration(
                    reader.GetString(0),
                    reader.GetFieldValue<DateTimeOffset>(1),
                    reader.GetDouble(2),
                    reader.GetString(3),
                    MigrationHash.GeneratorOf(reader.GetString(4), reader.IsDBNull(5) ? null : reader.GetString(5)),
                    reader.IsDBNull(6) ? null : reader.GetString(6)
                )
            );
        }

        return applied;
    }

    /// <summary>Whether the history exists, which the first migration creates.</summary>
    public static async Task<bool> HasHistoryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT to_regclass('{MigrationHistory.Table}') IS NOT NULL",
            connection
        );
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Reads the ids of the applied migrations; there must be a history.</summary>
    public static async Task<IReadOnlyList<string>> ReadIdsAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            $"{RowSecurity.Off}SELECT migration_id FROM {MigrationHistory.Table}",
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var applied = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            applied.Add(reader.GetString(0));
        }

        return applied;
    }

    /// <summary>Reads why the last run failed; null if it succeeded, or there is no journal yet.</summary>
    public static async Task<string?> ReadFailureAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var exists = new NpgsqlCommand("SELECT to_regclass('operations') IS NULL", connection);
        if (await exists.ExecuteScalarAsync(cancellationToken) is true)
        {
            return null;
        }

        await using var command = new NpgsqlCommand(
            $"{RowSecurity.Off}SELECT error FROM operations WHERE kind = 'migration' ORDER BY id DESC LIMIT 1",
            connection
        );
        try
        {
            return await command.ExecuteScalarAsync(cancellationToken) as string;
        }
        catch (PostgresException e) when (RowSecurity.TableOf(e) is not null)
        {
            return null; // the comparison with the model reports it
        }
    }
}
