using System.Buffers;

namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>
/// Where in the file the rows of a <see cref="DirectFill"/> came from: the fixed columns of a staging table, each row as what it adds to the one
/// before, in six bytes instead of sixty. The server keeps it, in parts, and it is read only when something is wrong.
/// </summary>
internal sealed class PlaceLog
{
    private const int PartSize = 64 * 1024;

    private readonly string table;
    private readonly ArrayBufferWriter<byte> part = new(2 * PartSize);
    private readonly CopyRow row = new();
    private readonly long[] last = new long[FixtureTable.FixedColumns.Length];

    public PlaceLog(FixtureTable table)
    {
        this.table = $"{table.Staging}_places";
        Parts = new(this.table);
    }

    /// <summary>The parts that have not been sent yet, each a row.</summary>
    public StagingArea.Target Parts { get; }

    /// <summary>Not compressed: that would take longer than to write it.</summary>
    public string CreateSql() =>
        $"""
            CREATE TEMP TABLE {table} (part bytea) ON COMMIT DROP;
            ALTER TABLE {table} ALTER part SET STORAGE EXTERNAL
            """;

    public void Add(FixtureRecord record)
    {
        Add(record.Number, record.Line, record.Offset, record.Present, record.Key!.Value);
        if (part.WrittenCount >= PartSize)
        {
            Flush();
        }
    }

    /// <summary>Makes a part of what has been added since the last one.</summary>
    public void Flush()
    {
        if (part.WrittenCount > 0)
        {
            row.Begin(1);
            row.Set(0, part.WrittenSpan);
            row.WriteTo(Parts.Buffer);
            part.ResetWrittenCount();
            Array.Clear(last);
        }
    }

    /// <summary>Reads the rows of a part; false when there is none of that number.</summary>
    public async Task<bool> TryReadAsync(
        ImportSql sql,
        int number,
        StagingArea.Target rows,
        CancellationToken cancellationToken
    )
    {
        await using var command = sql.Command($"SELECT part FROM {table} ORDER BY ctid OFFSET {number} LIMIT 1");
        if (await command.ExecuteScalarAsync(cancellationToken) is not byte[] bytes)
        {
            return false;
        }

        Array.Clear(last);
        for (var at = 0; at < bytes.Length; )
        {
            row.Begin(last.Length);
            for (var column = 0; column < last.Length; column++)
            {
                last[column] += ReadDifference(bytes, ref at);
                row.Set(column, last[column]);
            }

            row.WriteTo(rows.Buffer);
        }

        return true;
    }

    private void Add(params ReadOnlySpan<long> columns)
    {
        for (var column = 0; column < columns.Length; column++)
        {
            WriteDifference((ulong)(columns[column] - last[column]));
            last[column] = columns[column];
        }
    }

    /// <summary>Seven bits a byte, the lowest first; the eighth says that more follow.</summary>
    private void WriteDifference(ulong difference)
    {
        var bytes = part.GetSpan(10);
        var length = 0;
        for (; difference > 0x7F; difference >>= 7)
        {
            bytes[length++] = (byte)(difference | 0x80);
        }

        bytes[length++] = (byte)difference;
        part.Advance(length);
    }

    private static long ReadDifference(byte[] bytes, ref int at)
    {
        var difference = 0UL;
        var shift = 0;
        for (; bytes[at] > 0x7F; at++, shift += 7)
        {
            difference |= (ulong)(bytes[at] & 0x7F) << shift;
        }

        return (long)(difference | ((ulong)bytes[at++] << shift));
    }
}
