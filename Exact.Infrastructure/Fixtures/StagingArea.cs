using System.Buffers;
using Npgsql;

namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// Temporary tables that hold the file until all of it has been read: one COPY after another, as the records come. A connection does one COPY
/// at a time, so each table has a small buffer, and a file that alternates between models changes over once a buffer, not once a record.
/// </summary>
internal sealed class StagingArea : IAsyncDisposable
{
    private const int BufferSize = 256 * 1024;

    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];
    private static readonly byte[] Trailer = [0xFF, 0xFF];

    private readonly NpgsqlConnection connection;
    private readonly CopyRow membershipRow = new();
    private readonly Dictionary<string, StagedTable> byLabel;
    private Target? copying;
    private NpgsqlRawCopyStream? copy;

    public StagingArea(NpgsqlConnection connection, FixtureTables tables)
    {
        this.connection = connection;
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
        var sql = string.Concat(Tables.Select(table => table.CreateSql()));
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async ValueTask AddAsync(FixtureRecord record, CancellationToken cancellationToken)
    {
        var table = byLabel[record.Table!.Label];
        table.Add(record, membershipRow);
        if (table.Rows.Buffer.WrittenCount >= BufferSize)
        {
            await SendAsync(table.Rows, cancellationToken);
        }

        if (table.Memberships is { Buffer.WrittenCount: >= BufferSize } memberships)
        {
            await SendAsync(memberships, cancellationToken);
        }
    }

    /// <summary>Sends what is left in the buffers.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        foreach (var table in Tables)
        {
            await SendAsync(table.Rows, cancellationToken);
            if (table.Memberships is { } memberships)
            {
                await SendAsync(memberships, cancellationToken);
            }
        }

        await EndCopyAsync(cancellationToken);
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

    /// <summary>A temporary table, and the rows that have not been sent to it yet.</summary>
    internal sealed class Target(string name)
    {
        public string Name => name;

        public ArrayBufferWriter<byte> Buffer { get; } = new(BufferSize + (BufferSize / 4));
    }
}
