namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// A large table of which most rows change is written anew, as if it were filled for the first time, and takes the place of the old one. That is
/// three times as fast as to update it, whose every row would get an entry more in each index. Others read the old one meanwhile, and do not
/// write (see <c>docs/decisions/import-rewrite.md</c>).
/// </summary>
internal sealed class TableRewrite(ImportSql sql, StagedTable staged, MergeSql merge, ImportOptions options)
{
    private const int SampledRows = 1000;

    /// <summary>Where fewer rows change, to write all of them takes longer.</summary>
    private const double LeastShare = 0.5;

    /// <summary>So much of the table passes through this process at a time.</summary>
    private const int PartBytes = 4 * 1024 * 1024;

    private const int MinPartRows = 500;

    private readonly FixtureTable table = staged.Table;
    private readonly TableReplacement replacement = new(sql, staged.Table.Name, staged.Table.Parents, options.LockWait);

    /// <summary>Brings the changed rows into the table, if it is worth it, and nobody minds.</summary>
    /// <returns>False when nothing was done.</returns>
    public async Task<bool> TryRunAsync(ModelCounts counts, CancellationToken cancellationToken)
    {
        if (
            staged.Count < options.RewriteRows
            || table is not { Derived: [], Membership: null }
            || !await replacement.IsPossibleAsync(cancellationToken)
            || await PartsAsync(cancellationToken) is not { } parts
        )
        {
            return false;
        }

        await sql.ExecuteAsync("SAVEPOINT rewrite", cancellationToken);
        if (await replacement.TryKeepWritersOutAsync(cancellationToken))
        {
            await replacement.CreateAsync(cancellationToken);
            await FillAsync(parts, counts, cancellationToken);
            await replacement.CompleteAsync(cancellationToken);
            await sql.ExecuteAsync(table.AnalyzeSql(replacement.Name), cancellationToken);
            if (options.DryRun || await replacement.TryTakePlaceAsync(cancellationToken))
            {
                await sql.ExecuteAsync("RELEASE SAVEPOINT rewrite", cancellationToken);
                return true;
            }
        }

        // Lets the writers in again, too.
        await sql.ExecuteAsync("ROLLBACK TO SAVEPOINT rewrite; RELEASE SAVEPOINT rewrite", cancellationToken);
        counts.Updated = 0;
        return false;
    }

    /// <summary>The table in parts that the memory holds; null when less than half of its rows change, or some are very long.</summary>
    private async Task<MergeParts?> PartsAsync(CancellationToken cancellationToken)
    {
        await using var sample = sql.Command(merge.ShareOfChanged(SampledRows));
        var share = (double)(await sample.ExecuteScalarAsync(cancellationToken))!;
        if (share < LeastShare)
        {
            return null; // no need to count the rows: there are as many as records at least
        }

        var rows = await sql.ScalarAsync($"SELECT count(*) FROM {table.Name}", cancellationToken);
        if (share * staged.Count < LeastShare * rows)
        {
            return null;
        }

        var texts = table.Fields.Where(field => field.Kind == FixtureKind.Text).Select(field => field.Column);
        var length = string.Join(" + ", texts.Select(text => $"coalesce(octet_length({text}), 0)"));
        var longest = await sql.ScalarAsync(
            $"""
            SELECT max(length)::bigint FROM (
                SELECT {length} AS length FROM {table.Name} UNION ALL SELECT {length} FROM {table.Staging}
            ) row
            """,
            cancellationToken
        );
        const int OtherBytes = 200;
        var partRows = PartBytes / (longest + OtherBytes);
        return partRows >= MinPartRows ? new MergeParts(sql, table.Name, rows, (int)partRows) : null;
    }

    /// <summary>
    /// Frozen, the rows are seen by whoever took a snapshot before and looks at the table only afterwards; otherwise the table would be empty to
    /// them. Only COPY writes such rows, so they pass through this process.
    /// </summary>
    private async Task FillAsync(MergeParts parts, ModelCounts counts, CancellationToken cancellationToken)
    {
        using var rows = new MemoryStream();
        await foreach (var part in parts.ReadAsync(cancellationToken))
        {
            counts.Updated += await sql.ScalarAsync(merge.CountChanged(part), cancellationToken);
            rows.SetLength(0);
            await sql.ReadAsync($"COPY ({merge.Merged(part)}) TO STDOUT (FORMAT binary)", rows, cancellationToken);
            var frozen = $"COPY {replacement.Name} ({table.Columns}) FROM STDIN (FORMAT binary, FREEZE)";
            await sql.WriteAsync(frozen, rows.GetBuffer().AsMemory(0, (int)rows.Length), cancellationToken);
        }
    }
}
