using Npgsql;

namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>
/// Many rows on their way straight into their table, which is empty: half the work of going through the staging area, where only their places
/// in the file are kept (<see cref="PlaceLog"/>). It is a bet that the file is plain. When a record turns out to have no key, one that does not
/// rise, or no parent, the rows are taken back into the staging area, and all goes on as if they had been there from the beginning.
/// </summary>
internal sealed class DirectFill
{
    private readonly ImportSql sql;
    private readonly StagedTable staged;
    private readonly long required;

    private DirectFill(ImportSql sql, StagedTable staged)
    {
        this.sql = sql;
        this.staged = staged;
        var table = staged.Table;
        required = table.Fields.Where(field => field.Required).Sum(field => 1L << field.Index);
        Places = new PlaceLog(table);
        Rows = new($"{table.Name} ({table.Columns})");
    }

    public StagingArea.Target Rows { get; }

    /// <summary>Where they came from.</summary>
    public PlaceLog Places { get; }

    /// <summary>One that should be sent now.</summary>
    public StagingArea.Target? FullTarget =>
        Rows.IsFull ? Rows
        : Places.Parts.IsFull ? Places.Parts
        : null;

    /// <summary>Whether the records so far are rows of their table as they are, with nothing to be looked up or made unique.</summary>
    public static bool Suits(StagedTable staged) =>
        staged is { KeysRise: true, Table: { Derived: [], Membership: null, NaturalReferences: [], Unique: [] } }
        && staged.Table.Fields.All(field => !field.Required || staged.IsInAll(field.Index));

    /// <summary>
    /// Takes the table and its parents for this import alone, if they are empty and nobody uses them just now, and moves what has been staged.
    /// </summary>
    public static async Task<bool> TryBeginAsync(ImportSql sql, StagedTable staged, CancellationToken cancellationToken)
    {
        var table = staged.Table;
        string[] tables = [.. table.Parents, table.Name];
        if (!await MayFillAsync(sql, tables, table, cancellationToken))
        {
            return false;
        }

        // Without waiting: whoever waits for a table makes everybody else queue behind.
        await sql.ExecuteAsync("SAVEPOINT fill", cancellationToken);
        var take = $"LOCK TABLE {string.Join(", ", tables)} IN ACCESS EXCLUSIVE MODE NOWAIT";
        if (
            !await sql.TryLockAsync(take, cancellationToken)
            || !await MayFillAsync(sql, tables, table, cancellationToken) // somebody may have been quicker
        )
        {
            await sql.ExecuteAsync("ROLLBACK TO SAVEPOINT fill", cancellationToken);
            return false;
        }

        staged.Fill = new TableFill(sql, table);
        await staged.Fill.BeginAsync(table.Parents, cancellationToken);
        await staged.Fill.DropPrimaryKeyAsync(cancellationToken);
        await sql.ExecuteAsync(
            $"INSERT INTO {table.Name} ({table.Columns}) SELECT {table.Columns} FROM {table.Staging}",
            cancellationToken
        );
        var direct = new DirectFill(sql, staged);
        await sql.ExecuteAsync(direct.Places.CreateSql(), cancellationToken);
        await sql.ExecuteAsync("RELEASE SAVEPOINT fill", cancellationToken);
        staged.Direct = direct;
        return true;
    }

    /// <summary>Whether the table can take this record as it is.</summary>
    public bool Takes(FixtureRecord record) => record.Key > staged.LastKey && (record.Present & required) == required;

    /// <summary>How many rows get the time of the import, per field.</summary>
    public IEnumerable<(FixtureField Field, long Count)> Invented =>
        staged.Table.Invented.Select(f => (f, staged.CountWithout(f)));

    public void Add(FixtureRecord record)
    {
        var key = FixtureTable.FixedColumns.Length - 1; // the last of the fixed columns is the first of the table's
        record.Row.WriteTo(Rows.Buffer, key..);
        Places.Add(record);
    }

    /// <summary>Builds what was dropped.</summary>
    /// <returns>False when a row has no parent, and nothing was built.</returns>
    public async Task<bool> TryCompleteAsync(CancellationToken cancellationToken)
    {
        await sql.ExecuteAsync("SAVEPOINT filled", cancellationToken);
        try
        {
            await staged.Fill!.CompleteAsync(cancellationToken);
            await sql.ExecuteAsync("RELEASE SAVEPOINT filled", cancellationToken);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ForeignKeyViolation)
        {
            await sql.ExecuteAsync("ROLLBACK TO SAVEPOINT filled", cancellationToken);
            return false;
        }
    }

    /// <summary>Brings the rows to their places in the staging table, and leaves their own table empty.</summary>
    public async Task TakeBackAsync(CancellationToken cancellationToken)
    {
        var (table, columns) = (staged.Table, staged.Table.Fields.Select(field => field.Column));
        await sql.ExecuteAsync(
            $"""
            UPDATE {table.Staging} s SET {string.Join(", ", columns.Select(column => $"{column} = t.{column}"))}
            FROM {table.Name} t WHERE t.id = s.id;
            TRUNCATE {table.Name}
            """,
            cancellationToken
        );
    }

    /// <summary>Not where a foreign key refers to the table: its primary key is dropped.</summary>
    private static async Task<bool> MayFillAsync(
        ImportSql sql,
        string[] tables,
        FixtureTable table,
        CancellationToken cancellationToken
    ) =>
        await TableFill.IsPossibleAsync(sql, tables, cancellationToken)
        && await sql.ScalarAsync(
            $"SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND confrelid = '{table.Name}'::regclass",
            cancellationToken
        ) == 0;
}
