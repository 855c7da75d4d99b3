using Exact.Infrastructure.Standings;
using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Infrastructure.Transfer.Wire;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>
/// Many rows on their way straight into their table, which is empty: half the work of going through the staging area, where only
/// their <see cref="RowOrigins"/> are kept. It is a bet that the file is plain. When a record turns out to have no key, one that
/// does not rise, or no parent, the rows are taken back into the staging area, and all goes on as if they had been
/// there from the beginning.
/// </summary>
internal sealed class DirectLoad : IDisposable
{
    private readonly ImportSql sql;
    private readonly CopyChannel channel;
    private readonly StagedTable staged;
    private readonly RowOrigins origins;
    private readonly CopyTarget rows;
    private readonly long required;

    private DirectLoad(ImportSql sql, CopyChannel channel, StagedTable staged)
    {
        this.sql = sql;
        this.channel = channel;
        this.staged = staged;
        var table = staged.Table;
        Indexes = new DroppedIndexes(sql, table.Name);
        origins = new RowOrigins(table);
        rows = new CopyTarget($"{table.Name} ({table.Columns})");
        required = table.Fields.Where(field => field.Required).Sum(field => 1L << field.Index);
    }

    /// <summary>False once the rows have been taken back for good.</summary>
    public bool IsOpen { get; private set; } = true;

    /// <summary>The indexes that the table lacks, also once the rows have been taken back.</summary>
    public DroppedIndexes Indexes { get; }

    /// <summary>Whether the participants are derived from all rows at the end.</summary>
    public bool FillsStandings => DerivesStandings(staged.Table);

    /// <summary>How many rows get the time of the import, per field.</summary>
    public IEnumerable<(FixtureField Field, long Count)> Invented =>
        staged.Table.Invented.Select(f => (f, staged.CountWithout(f)));

    /// <summary>Whether the records so far are rows of their table as they are, with nothing to be looked up or made unique.</summary>
    public static bool Suits(StagedTable staged) =>
        staged is { KeysRise: true, Table: { Derived: [], Membership: null, NaturalReferences: [], Unique: [] } }
        && staged.Table.Fields.All(field => !field.Required || staged.IsInAll(field));

    /// <summary>
    /// Takes the table, and those that it refers to or that refer to it, for this import alone, if they are empty and
    /// nobody uses them just now, and moves what has been staged.
    /// </summary>
    /// <returns>Null when the table cannot be loaded directly.</returns>
    public static async Task<DirectLoad?> TryBeginAsync(
        ImportSql sql,
        CopyChannel channel,
        StagedTable staged,
        CancellationToken cancellationToken
    )
    {
        var table = staged.Table;
        string[] tables =
        [
            .. table.Parents,
            table.Name,
            .. await ReferringAsync(sql, table, cancellationToken),
            .. DerivesStandings(table) ? [DeferredStandings.Participants] : Array.Empty<string>(),
        ];
        if (!await DroppedIndexes.ArePossibleAsync(sql, tables, cancellationToken))
        {
            return null;
        }

        // Without waiting: everybody else would queue behind a session that waits for a table.
        await sql.ExecuteAsync("SAVEPOINT load", cancellationToken);
        var take = $"LOCK TABLE {string.Join(", ", tables)} IN ACCESS EXCLUSIVE MODE NOWAIT";
        if (
            !await sql.TryLockAsync(take, cancellationToken)
            || !await DroppedIndexes.ArePossibleAsync(sql, tables, cancellationToken) // somebody may have been quicker
        )
        {
            await sql.ExecuteAsync("ROLLBACK TO SAVEPOINT load", cancellationToken);
            return null;
        }

        var load = new DirectLoad(sql, channel, staged);
        await load.Indexes.DropAsync(table.Parents, cancellationToken);
        await load.Indexes.DropPrimaryKeyAsync(cancellationToken);
        if (load.FillsStandings)
        {
            await load.Indexes.DoAsync(DeferredStandings.Pause, DeferredStandings.Resume, cancellationToken);
        }

        await sql.ExecuteAsync(
            $"INSERT INTO {table.Name} ({table.Columns}) SELECT {table.Columns} FROM {table.Staging}",
            cancellationToken
        );
        await sql.ExecuteAsync(load.origins.CreateSql(), cancellationToken);
        await sql.ExecuteAsync("RELEASE SAVEPOINT load", cancellationToken);
        return load;
    }

    /// <summary>Whether the table can take this record as it is.</summary>
    public bool Takes(FixtureRecord record) =>
        IsOpen && record.Key > staged.LastKey && (record.Present & required) == required;

    public async ValueTask AddAsync(FixtureRecord record, CancellationToken cancellationToken)
    {
        staged.Note(record);
        record.Row.WriteTo(rows.Buffer, staged.Table.Layout.OfTable);
        origins.Add(record);
        await channel.SendIfFullAsync(rows, cancellationToken);
        await channel.SendIfFullAsync(origins.Parts, cancellationToken);
    }

    /// <summary>Sends what is left in the buffers, and leaves the connection free for other statements.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        origins.Flush();
        await channel.SendAsync(origins.Parts, cancellationToken);
        await channel.SendAsync(rows, cancellationToken);
        await channel.EndAsync(cancellationToken);
    }

    /// <summary>From here on the rows go to the staging area.</summary>
    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        await TakeBackAsync(cancellationToken);
        IsOpen = false;
    }

    /// <summary>Builds what was dropped, and tells the planner what the table holds now.</summary>
    /// <returns>False when a row has no parent, and nothing was built.</returns>
    public async Task<bool> TryCompleteAsync(CancellationToken cancellationToken)
    {
        await sql.ExecuteAsync("SAVEPOINT loaded", cancellationToken);
        try
        {
            await Indexes.RebuildAsync(cancellationToken);
            await sql.ExecuteAsync(staged.Table.AnalyzeSql(staged.Table.Name), cancellationToken);
            await sql.ExecuteAsync("RELEASE SAVEPOINT loaded", cancellationToken);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ForeignKeyViolation)
        {
            await sql.ExecuteAsync("ROLLBACK TO SAVEPOINT loaded", cancellationToken);
            return false;
        }
    }

    /// <summary>Brings the rows to the staging area, with their places in the file, and leaves their table empty.</summary>
    public async Task TakeBackAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        var table = staged.Table;
        var places = new CopyTarget($"{table.Staging} ({string.Join(", ", StagedLayout.Origin)})");
        for (var part = 0; await origins.TryReadAsync(sql, part, places, cancellationToken); part++)
        {
            await channel.SendAsync(places, cancellationToken);
            await channel.EndAsync(cancellationToken);
        }

        var values = table.Fields.Select(field => $"{field.Column} = t.{field.Column}");
        await sql.ExecuteAsync(
            $"""
            UPDATE {table.Staging} s SET {string.Join(", ", values)} FROM {table.Name} t WHERE t.id = s.id;
            TRUNCATE {table.Name}
            """,
            cancellationToken
        );
    }

    public void Dispose() => origins.Dispose();

    private static bool DerivesStandings(FixtureTable table) => table.Name == DeferredStandings.Scores;

    /// <summary>The tables whose foreign keys refer to this one. The primary key is dropped, so these are dropped, too.</summary>
    private static async Task<string[]> ReferringAsync(
        ImportSql sql,
        FixtureTable table,
        CancellationToken cancellationToken
    )
    {
        await using var command = sql.Command(
            $"""
            SELECT coalesce(array_agg(DISTINCT conrelid::regclass::text), ARRAY[]::text[]) FROM pg_constraint
            WHERE contype = 'f' AND confrelid = '{table.Name}'::regclass
            """
        );
        return (string[])(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
