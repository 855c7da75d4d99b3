using Exact.Infrastructure.Database;
using Exact.Infrastructure.Operations;
using Npgsql;

namespace Exact.Infrastructure.Backups;

/// <summary>Reads from the journal, which every replica shares, how the backups went.</summary>
internal sealed class BackupHistory(NpgsqlDataSource database, OperationJournal journal)
{
    /// <summary>How often a backup of one slot is begun.</summary>
    private const int MaxAttempts = 3;

    /// <summary>How long after a failure the next attempt comes.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMinutes(5);

    /// <summary>Whether a scheduled backup has still to be made for a slot.</summary>
    /// <remarks>A database that is younger than the slot has missed nothing.</remarks>
    public async Task<bool> IsDueAsync(DateTimeOffset slot, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await journal.SettleAsync(cancellationToken);
        await using var command = database.CreateShortCommand(
            $"""
            {RowSecurity.Off}
            SELECT EXISTS (SELECT FROM operations WHERE started_at < @slot)
                AND count(*) < {MaxAttempts}
                AND count(*) FILTER (WHERE state IN ('running', 'succeeded') OR cancelled_by IS NOT NULL OR started_at > @retry) = 0
            FROM operations WHERE kind = 'backup' AND actor = '{Actors.Schedule}' AND started_at >= @slot
            """
        );
        command.Parameters.AddWithValue("slot", slot);
        command.Parameters.AddWithValue("retry", now - Pause);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Claims the telling of scheduled backups of a slot whose processes have died: nobody has told of them.</summary>
    /// <returns>How many there were. No other replica gets the same.</returns>
    public async Task<int> ClaimDeadAsync(DateTimeOffset slot, CancellationToken cancellationToken)
    {
        await journal.SettleAsync(cancellationToken);
        await using var command = database.CreateShortCommand(
            $$"""
            {{RowSecurity.Off}}
            UPDATE operations SET figures = '{"told": true}'
            WHERE kind = 'backup' AND actor = '{{Actors.Schedule}}' AND started_at >= @slot AND state = 'failed'
                AND error = @died AND figures IS NULL
            """
        );
        command.Parameters.AddWithValue("slot", slot);
        command.Parameters.AddWithValue("died", OperationJournal.Died);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>How the backups went so far, whoever asked for them.</summary>
    public async Task<BackupRecord> ReadAsync(CancellationToken cancellationToken)
    {
        await journal.SettleAsync(cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await ReadAsync(connection, cancellationToken);
    }

    /// <summary>The same in a session of the caller, and changes nothing.</summary>
    public static async Task<BackupRecord> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            {RowSecurity.Off}
            WITH backups AS (SELECT * FROM operations WHERE kind = 'backup'),
                success AS (SELECT max(started_at) AS at FROM backups WHERE state = 'succeeded')
            SELECT success.at, max(b.started_at),
                min(b.started_at) FILTER (WHERE b.state = 'failed' AND b.started_at > coalesce(success.at, '-infinity')),
                (SELECT error FROM backups WHERE state = 'failed' AND started_at > coalesce(success.at, '-infinity')
                 ORDER BY id DESC LIMIT 1)
            FROM success LEFT JOIN backups b ON true GROUP BY success.at
            """,
            connection
        );
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new BackupRecord(Time(row, 0), Time(row, 1), Time(row, 2), row.IsDBNull(3) ? null : row.GetString(3));
    }

    /// <summary>When the last verified backup began; before the first one, when the journal did.</summary>
    public async Task<DateTimeOffset?> FindLastSuccessAsync(bool orBeginning, CancellationToken cancellationToken)
    {
        await using var command = database.CreateShortCommand(
            $"""
            {RowSecurity.Off}
            SELECT coalesce(
                (SELECT max(started_at) FROM operations WHERE kind = 'backup' AND state = 'succeeded'),
                (SELECT min(started_at) FROM operations WHERE @beginning))
            """
        );
        command.Parameters.AddWithValue("beginning", orBeginning);
        return await command.ExecuteScalarAsync(cancellationToken) is DateTime at ? at : null;
    }

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}

/// <summary>How the backups went.</summary>
/// <param name="LastSuccess">When the last one began that was verified.</param>
/// <param name="LastAttempt">When the last one began.</param>
/// <param name="FailedSince">When the first one began that failed after the last success.</param>
/// <param name="Error">Why the last one failed, if it did.</param>
internal sealed record BackupRecord(
    DateTimeOffset? LastSuccess,
    DateTimeOffset? LastAttempt,
    DateTimeOffset? FailedSince,
    string? Error
);
