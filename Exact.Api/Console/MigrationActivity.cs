using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Npgsql;

namespace Exact.Api.AdminConsole;

/// <summary>What the session that migrates is doing at this moment, as PostgreSQL sees it.</summary>
internal sealed class MigrationActivity(NpgsqlDataSource database)
{
    /// <summary>A run that waits for the same lock for so long does not get on by itself.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    /// <summary>A session that migrates is never idle for long.</summary>
    private static readonly TimeSpan LongestIdle = TimeSpan.FromSeconds(10);

    /// <returns>The session; null if it has ended.</returns>
    public async Task<MigratingSession?> FindAsync(int processId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateShortCommand(
            $"""
            SELECT coalesce(CASE WHEN {BackupLock.IsHeldBy(
                "a.pid"
            )} THEN 'active' ELSE a.state END, ''), coalesce(extract(epoch FROM clock_timestamp() - a.state_change)::float8, 0),
                left(a.query, 4000), waiting.seconds, waiting.target,
                array(
                    SELECT format('%s (pid %s, %s)', coalesce(nullif(b.application_name, ''), 'a session'), b.pid, b.state)
                    FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(a.pid))
                )
            FROM pg_stat_activity a
            LEFT JOIN LATERAL (
                SELECT coalesce(extract(epoch FROM clock_timestamp() - l.waitstart)::float8, 0) AS seconds,
                    CASE WHEN l.relation IS NULL THEN 'a ' || l.locktype
                        ELSE 'the table ' || l.relation::regclass::text END AS target
                FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1
            ) waiting ON true
            WHERE a.pid = @pid
            """
        );
        command.Parameters.AddWithValue("pid", processId);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new MigratingSession(
                reader.GetString(0),
                TimeSpan.FromSeconds(reader.GetDouble(1)),
                reader.IsDBNull(2) ? "" : reader.GetString(2),
                reader.IsDBNull(3) ? null : TimeSpan.FromSeconds(reader.GetDouble(3)),
                reader.IsDBNull(4) ? null : reader.GetString(4),
                reader.GetFieldValue<string[]>(5)
            )
            : null;
    }

    /// <summary>Why a run does not get on, in a sentence; null if it works.</summary>
    public static string? FindWedge(MigratingSession? session, SchemaObstacle? obstacle, DateTimeOffset now) =>
        session is { State: not "active" } && session.Since > LongestIdle
            ? $"The session that holds the migration lock has been {session.State} for {Show.Span(session.Since)}. "
                + "End it, and the next replica goes on."
        : session?.WaitedFor > LongestWait
            ? $"The migration has been waiting for {session.WaitsFor} for {Show.Span(session.WaitedFor.Value)}. "
                + "End the sessions that hold it."
        : now - obstacle?.Since > LongestWait
            ? $"The same obstacle has stopped {Show.Count(obstacle!.Attempts, "attempt")} in "
                + $"{Show.Span(now - obstacle.Since)}. Remove it, or end the sessions that hold the lock."
        : null;
}

/// <summary>The session that migrates.</summary>
/// <param name="State">Its state as in <c>pg_stat_activity</c>.</param>
/// <param name="Since">How long it has been in that state.</param>
/// <param name="Statement">The statement that it runs, or ran last.</param>
/// <param name="WaitedFor">How long it has been waiting for a lock; null if it waits for none.</param>
/// <param name="WaitsFor">What that lock protects.</param>
/// <param name="Blockers">The sessions that hold it.</param>
internal sealed record MigratingSession(
    string State,
    TimeSpan Since,
    string Statement,
    TimeSpan? WaitedFor,
    string? WaitsFor,
    IReadOnlyList<string> Blockers
);
