using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Infrastructure.Transfer.Wire;

namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>
/// Where in the file the rows of a <see cref="DirectLoad"/> came from: the first columns of <see cref="StagedLayout"/>,
/// each row as the difference to the one before, in seven bytes instead of seventy. The server keeps them, and they are
/// read only when something is wrong.
/// </summary>
internal sealed class RowOrigins : IDisposable
{
    private const int PartSize = 64 * 1024;

    private readonly string table;
    private readonly MemoryStream part = new(2 * PartSize);
    private readonly BinaryWriter writer;
    private readonly CopyRow row = new();
    private readonly long[] last = new long[StagedLayout.Origin.Length];

    public RowOrigins(FixtureTable table)
    {
        this.table = $"{table.Staging}_origins";
        writer = new BinaryWriter(part);
        Parts = new CopyTarget(this.table);
    }

    /// <summary>The parts that have not been sent yet, each a row.</summary>
    public CopyTarget Parts { get; }

    /// <summary>Not compressed: that would take longer than to write it.</summary>
    public string CreateSql() =>
        $"""
            CREATE TEMP TABLE {table} (part bytea) ON COMMIT DROP;
            ALTER TABLE {table} ALTER part SET STORAGE EXTERNAL
            """;

    public void Add(FixtureRecord record)
    {
        var (line, column, offset) = record.Place;
        Add(record.Number, line, column, offset, record.Present, record.Key!.Value);
        if (part.Length >= PartSize)
        {
            Flush();
        }
    }

    /// <summary>Makes a part of what has been added since the last one.</summary>
    public void Flush()
    {
        if (part.Length > 0)
        {
            row.Begin(1);
            row.Set(0, part.GetBuffer().AsSpan(0, (int)part.Length));
            row.WriteTo(Parts.Buffer);
            part.SetLength(0);
            Array.Clear(last);
        }
    }

    /// <summary>Reads the rows of a part; false when there is none of that number.</summary>
    public async Task<bool> TryReadAsync(
        ImportSql sql,
        int number,
        CopyTarget rows,
        CancellationToken cancellationToken
    )
    {
        await using var command = sql.Command($"SELECT part FROM {table} ORDER BY ctid OFFSET {number} LIMIT 1");
        if (await command.ExecuteScalarAsync(cancellationToken) is not byte[] bytes)
        {
            return false;
        }

        Array.Clear(last);
        using var reader = new BinaryReader(new MemoryStream(bytes));
        while (reader.BaseStream.Position < bytes.Length)
        {
            row.Begin(last.Length);
            for (var column = 0; column < last.Length; column++)
            {
                last[column] += reader.Read7BitEncodedInt64();
                row.Set(column, last[column]);
            }

            row.WriteTo(rows.Buffer);
        }

        return true;
    }

    public void Dispose() => writer.Dispose();

    private void Add(params ReadOnlySpan<long> columns)
    {
        for (var column = 0; column < columns.Length; column++)
        {
            writer.Write7BitEncodedInt64(columns[column] - last[column]);
            last[column] = columns[column];
        }
    }
}
