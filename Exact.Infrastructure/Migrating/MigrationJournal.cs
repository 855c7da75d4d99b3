using System.Text.Json;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Writes each turn of the migrator into the journal, also the failed ones. It speaks SQL, not the model: after a failed
/// migration the tables are those of an earlier version, and before the first there is no journal yet. What ran outside a
/// transaction has no duration of its own in the history; it was measured from here.
/// </summary>
internal sealed partial class MigrationJournal(MigratorConnection connections, ILogger<MigrationJournal> logger)
{
    /// <summary>Never throws: a journal that cannot be written must not turn a migration that worked into one that failed.</summary>
    public async Task WriteAsync(MigrationRun run)
    {
        try
        {
            // The migrating connection may be broken or in a failed transaction; the journal has its own.
            await using var connection = await connections.OpenAsync(CancellationToken.None);
            await using var command = new NpgsqlCommand(
                $"""
                WITH history AS (
                    UPDATE {MigrationHistory.Table} SET duration = greatest(duration, make_interval(secs => seconds))
                    FROM unnest($8, $9) AS measured (migration, seconds) WHERE migration_id = migration
                )
                INSERT INTO operations (kind, actor, origin, started_at, finished_at, state, figures, error)
                VALUES ('migration', $1, $2, $3, $4, $5, $6::jsonb, $7)
                """,
                connection
            );
            command.Parameters.Add(new() { Value = run.Actor });
            command.Parameters.Add(new() { Value = Product.Origin });
            command.Parameters.Add(new() { Value = run.StartedAt });
            command.Parameters.Add(new() { Value = run.StartedAt + run.Elapsed });
            command.Parameters.Add(new() { Value = run.Error is null ? "succeeded" : "failed" });
            command.Parameters.Add(
                new()
                {
                    Value = JsonSerializer.Serialize(
                        new
                        {
                            migrations = run.Durations,
                            adopted = run.IsAdoption,
                            seeded = run.Seeded,
                        },
                        Json
                    ),
                }
            );
            command.Parameters.Add(new() { Value = (object?)run.Error ?? DBNull.Value });
            command.Parameters.Add(new() { Value = run.Applied });
            command.Parameters.Add(new() { Value = run.Durations.Select(one => one.Seconds).ToArray() });
            await command.ExecuteNonQueryAsync();
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable)
        {
            // the very first migration failed
        }
        catch (NpgsqlException e)
        {
            LogNotWritten(e.Message);
        }
    }

    /// <summary>Whether a run has gone to its end, through the seeding, with this migration as the last.</summary>
    /// <param name="connection">An open connection to a database in which nothing is pending.</param>
    /// <param name="lastMigration">The last migration that this code knows.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    public static async Task<bool> IsSeededAsync(
        NpgsqlConnection connection,
        string lastMigration,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            "SELECT EXISTS (SELECT FROM operations WHERE kind = 'migration' AND figures ->> 'seeded' = $1)",
            connection
        );
        command.Parameters.Add(new() { Value = lastMigration });
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    [LoggerMessage(LogLevel.Warning, "The journal of this migration run could not be written: {Reason}")]
    private partial void LogNotWritten(string reason);
}
