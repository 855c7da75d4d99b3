using System.Runtime.CompilerServices;

namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>
/// Rows are compared and updated part by part, in order of their keys. A part is sorted in memory, and comes from a
/// stretch of its table that the server's memory holds, so that nothing has to be fetched or written twice: that is
/// what takes the time (see
/// <c>docs/decisions/import-updates.md</c>).
/// </summary>
/// <param name="sql">The session.</param>
/// <param name="table">Where the rows are.</param>
/// <param name="count">How many there are, or so.</param>
/// <param name="rows">How many a part has.</param>
internal sealed class KeyRanges(ImportSql sql, string table, long count, int rows)
{
    private bool AreMany => count > rows;

    /// <summary>Makes the keys of many staged rows stand in order, as those of their table do.</summary>
    public Task SortAsync(CancellationToken cancellationToken) =>
        AreMany ? sql.ExecuteAsync($"CREATE INDEX ON {table} (id)", cancellationToken) : Task.CompletedTask;

    public async IAsyncEnumerable<KeyRange> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!AreMany)
        {
            yield return KeyRange.Whole;
            yield break;
        }

        for (
            var part = await BehindAsync(long.MinValue, cancellationToken);
            part is not null;
            part = await BehindAsync(part.Last, cancellationToken)
        )
        {
            yield return part;
        }
    }

    private async Task<KeyRange?> BehindAsync(long key, CancellationToken cancellationToken)
    {
        await using var command = sql.Command(
            $"SELECT min(id), max(id) FROM (SELECT id FROM {table} WHERE id > $1 ORDER BY id LIMIT {rows}) part"
        );
        command.Parameters.Add(new() { Value = key });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.IsDBNull(0) ? null : new KeyRange(reader.GetInt64(0), reader.GetInt64(1));
    }
}

/// <summary>The rows whose keys are from the first to the last one.</summary>
internal sealed record KeyRange(long First, long Last)
{
    public static readonly KeyRange Whole = new(long.MinValue, long.MaxValue);

    /// <summary>The condition, in SQL, that a key is one of this part's.</summary>
    public string Holds(string key) => this == Whole ? "true" : $"{key} BETWEEN {First} AND {Last}";
}
