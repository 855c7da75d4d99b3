using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>The sequences that number new rows.</summary>
internal sealed class Sequences(ImportSql sql, ImportOptions options)
{
    /// <summary>Raises them to the highest key in <paramref name="places"/>. Only upwards, so that no key is given out twice.</summary>
    public async Task RaiseAsync(
        IEnumerable<StagedTable> tables,
        Func<FixtureTable, string[]> places,
        CancellationToken cancellationToken
    )
    {
        if (options.DryRun)
        {
            return;
        }

        var raise = tables.Select(staged =>
        {
            var highest = places(staged.Table).Select(place => $"(SELECT max(id) FROM {place})");
            return $"""
                SELECT setval(sequence, used) FROM (
                    SELECT pg_get_serial_sequence('{staged.Table.Name}', 'id')::regclass AS sequence,
                        greatest({string.Join(", ", highest)}) AS used
                ) highest
                WHERE used > coalesce(pg_sequence_last_value(sequence), 0)
                """;
        });
        await sql.ExecuteAllAsync(raise, cancellationToken);
    }
}
