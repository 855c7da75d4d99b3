using Exact.Infrastructure.Database;
using Exact.Infrastructure.Transfer.Mapping;
using Npgsql;

namespace Exact.Api.AdminConsole;

/// <summary>The last backup: until there are scheduled ones, the last export of everything that succeeded.</summary>
/// <param name="At">When it ended.</param>
/// <param name="Bytes">Its length, unpacked.</param>
/// <param name="Records">How many records it holds.</param>
/// <param name="Operation">Its entry in the journal.</param>
/// <param name="Verified">Whether it was restored and compared; null if nobody tried.</param>
internal sealed record BackupStatus(DateTimeOffset At, long Bytes, long Records, long Operation, bool? Verified);

/// <summary>Reads the last backup from the journal.</summary>
internal sealed class BackupStatusReader(NpgsqlDataSource database, FixtureTables tables)
{
    private string[] Models => [.. tables.All.Where(table => !table.IsOfExact).Select(table => table.Label)];

    public async Task<BackupStatus?> ReadAsync(CancellationToken cancellationToken)
    {
        // An export of a part lacks one of Django's models, which a whole one names even if they have no rows.
        await using var command = database.CreateShortCommand(
            $"""
            {RowSecurity.Off}
            SELECT finished_at, (figures ->> 'bytes')::bigint, id,
                (SELECT coalesce(sum(value::bigint), 0)::bigint FROM jsonb_each_text(figures -> 'models'))
            FROM operations
            WHERE kind = 'export' AND state = 'succeeded' AND figures -> 'models' ?& @models
            ORDER BY id DESC LIMIT 1
            """
        );
        command.Parameters.AddWithValue("models", Models);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new BackupStatus(
                reader.GetFieldValue<DateTimeOffset>(0),
                reader.GetInt64(1),
                reader.GetInt64(3),
                reader.GetInt64(2),
                Verified: null
            )
            : null;
    }
}
