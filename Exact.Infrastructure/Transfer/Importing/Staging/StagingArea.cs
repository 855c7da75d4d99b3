using System.Buffers;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Importing.Staging;

/// <summary>
/// Temporary tables that hold the file until all of it has been read: one COPY after another, as the records come. A connection does one COPY
/// at a time, so each table has a small buffer, and a file that alternates between models changes over once a buffer, not once a record.
/// </summary>
internal sealed class StagingArea : IAsyncDisposable
{
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];
    private static readonly byte[] Trailer = [0xFF, 0xFF];

    private readonly NpgsqlConnection connection;
    private readonly ImportSql sql;
    private readonly CopyRow membershipRow = new();
    private readonly Dictionary<string, StagedTable> byLabel;
    private Target? copying;
    private NpgsqlRawCopyStream? copy;

    public StagingArea(NpgsqlConnection connection, FixtureTables tables)
    {
        this.connection = connection;
        sql = new ImportSql(connection);
        Tables = [.. tables.All.Select(table => new StagedTable(table))];
        byLabel = Tables.ToDictionary(staged => staged.Table.Label);
    }

    /// <summary>Parents before children.</summary>
    public IReadOnlyList<StagedTable> Tables { get; }

    /// <summary>The fields that refer to rows of a table by another column than their key.</summary>
    public IEnumerable<(FixtureTable Child, FixtureField Reference)> ReferencesByName(FixtureTable table) =>
        from child in Tables
        from field in child.Table.Fields
        where field.Parent is { } parent && parent.Table == table.Name && table.Find(parent.Column) is not null
        select (child.Table, field);

    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        await sql.ExecuteAsync(string.Concat(Tables.Select(table => table.CreateSql())), cancellationToken);
    }

    public async ValueTask AddAsync(FixtureRecord record, CancellationToken cancellationToken)
    {
        var table = byLabel[record.Table!.Label];
        if (table.Direct is { } direct && !direct.Takes(record))
        {
            await SendAsync(table, cancellationToken);
            await TakeBackAsync(table, direct, cancellationToken);
            table.Direct = null;
        }

        table.Add(record, membershipRow);
        if (table.FullTarget is { } target)
        {
            await SendAsync(target, cancellationToken);
        }
    }

    /// <summary>Whether the rows of this record's model are so many now that it is time to ask whether their table can take them.</summary>
    public bool IsWorthFilling(FixtureRecord record) =>
        byLabel[record.Table!.Label] is { Count: TableFill.MinRows } staged && DirectFill.Suits(staged);

    /// <summary>From here on, the rows of this record's model go straight into their table, if it is empty and nobody uses it.</summary>
    /// <returns>Whether they do.</returns>
    public async Task<bool> TryFillAsync(FixtureRecord record, CancellationToken cancellationToken)
    {
        var staged = byLabel[record.Table!.Label];
        await SendAsync(staged, cancellationToken);
        return await DirectFill.TryBeginAsync(sql, staged, cancellationToken);
    }

    /// <summary>Brings rows back that went straight into their table, which is empty again.</summary>
    public async Task TakeBackAsync(StagedTable table, DirectFill direct, CancellationToken cancellationToken)
    {
        var places = new Target($"{table.Table.Staging} ({string.Join(", ", FixtureTable.FixedColumns)})");
        for (var part = 0; await direct.Places.TryReadAsync(sql, part, places, cancellationToken); part++)
        {
            await SendAsync(places, cancellationToken);
            await EndCopyAsync(cancellationToken);
        }

        await direct.TakeBackAsync(cancellationToken);
    }

    /// <summary>Sends what is left in the buffers.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        foreach (var table in Tables)
        {
            await SendAsync(table, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (copy is not null)
        {
            // Left open, the COPY would count as complete.
            await copy.CancelAsync();
            await copy.DisposeAsync();
            copy = null;
        }
    }

    /// <summary>Sends what is left in the buffers of a table, and leaves the connection free for other statements.</summary>
    private async Task SendAsync(StagedTable table, CancellationToken cancellationToken)
    {
        table.Direct?.Places.Flush();
        foreach (var target in table.Targets)
        {
            await SendAsync(target, cancellationToken);
        }

        await EndCopyAsync(cancellationToken);
    }

    private async ValueTask SendAsync(Target target, CancellationToken cancellationToken)
    {
        if (target.Buffer.WrittenCount == 0)
        {
            return;
        }

        if (!ReferenceEquals(copying, target))
        {
            await EndCopyAsync(cancellationToken);
            copying = target;
            copy = await connection.BeginRawBinaryCopyAsync(
                $"COPY {target.Name} FROM STDIN (FORMAT binary)",
                cancellationToken
            );
            await copy.WriteAsync(Header, cancellationToken);
        }

        await copy!.WriteAsync(target.Buffer.WrittenMemory, cancellationToken);
        target.Buffer.ResetWrittenCount();
    }

    private async Task EndCopyAsync(CancellationToken cancellationToken)
    {
        if (copy is null)
        {
            return;
        }

        await copy.WriteAsync(Trailer, cancellationToken);
        var ending = copy;
        copy = null;
        copying = null;
        await ending.DisposeAsync();
    }

    /// <summary>A table, or columns of it, and the rows that have not been sent to it yet.</summary>
    internal sealed class Target(string name)
    {
        private const int Size = 256 * 1024;

        public string Name => name;

        public ArrayBufferWriter<byte> Buffer { get; } = new(Size + (Size / 4));

        public bool IsFull => Buffer.WrittenCount >= Size;
    }
}
