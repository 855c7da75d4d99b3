using System.Text.Json;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Writes each run of the migrator into the journal, in SQL, because after a failure the tables may be older than the
/// model.
/// </summary>
internal sealed partial class MigrationJournal(MigratorConnection connections, ILogger<MigrationJournal> logger)
{
    /// <summary>
    /// Writes the run; logs a failure instead of throwing it, because the migrations themselves succeeded.
    /// </summary>
    public async Task WriteAsync(MigrationRun run)
    {
        var started = run.StartedAt!.Value;
        try
        {
            // Its own connection: the migrating one may be broken or in a failed transaction.
            await using var connection = await connections.OpenAsync(CancellationToken.None);
            // The history's own duration is zero for a migration that ran outside a transaction.
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
            command.Parameters.Add(new() { Value = started });
            command.Parameters.Add(new() { Value = started + run.Elapsed });
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
            // the first migration failed: there is no journal yet
        }
        catch (NpgsqlException e)
        {
            LogNotWritten(e.Message);
        }
    }

    /// <summary>Whether a run has completed, including the seeding, with this migration as the last.</summary>
    /// <param name="connection">An open connection to a database in which nothing is pending.</param>
    /// <param name="lastMigration">The last migration that this code knows.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
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

    [LoggerMessage(2020, LogLevel.Warning, "Could not write this migration run to the journal: {Reason}")]
    private partial void LogNotWritten(string reason);
}
