using System.Buffers;
using System.Buffers.Binary;

namespace Exact.Infrastructure.Transfer.Wire;

/// <summary>
/// One row of PostgreSQL's binary COPY format in the making: columns are set in any order, the last value of a column counts, and a
/// column that is not set is NULL. Nothing is allocated per row.
/// </summary>
/// <remarks>https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"</remarks>
internal sealed class CopyRow
{
    private byte[] values = new byte[4096];
    private int used;
    private (int Start, int Length)[] columns = [];
    private int count;

    /// <summary>Begins a row of <paramref name="columnCount"/> NULLs.</summary>
    public void Begin(int columnCount)
    {
        if (columns.Length < columnCount)
        {
            columns = new (int, int)[columnCount];
        }

        count = columnCount;
        used = 0;
        columns.AsSpan(0, count).Fill((0, -1));
    }

    public bool IsNull(int column) => columns[column].Length < 0;

    public ReadOnlySpan<byte> this[int column] => values.AsSpan(columns[column].Start, columns[column].Length);

    public void SetNull(int column) => columns[column] = (0, -1);

    public void Set(int column, ReadOnlySpan<byte> bytes) => bytes.CopyTo(Reserve(column, bytes.Length));

    public void Set(int column, bool value) => Reserve(column, 1)[0] = value ? (byte)1 : (byte)0;

    public void Set(int column, long value) => BinaryPrimitives.WriteInt64BigEndian(Reserve(column, 8), value);

    public void Set(int column, double value) => BinaryPrimitives.WriteDoubleBigEndian(Reserve(column, 8), value);

    /// <summary>Room for a value whose length <see cref="Trim"/> may still shorten.</summary>
    public Span<byte> Reserve(int column, int length)
    {
        if (values.Length - used < length)
        {
            Array.Resize(ref values, Math.Max(values.Length * 2, used + length));
        }

        columns[column] = (used, length);
        used += length;
        return values.AsSpan(used - length, length);
    }

    public void Trim(int column, int length) => columns[column].Length = length;

    public void WriteTo(IBufferWriter<byte> destination) => WriteTo(destination, 0..count);

    /// <summary>Writes a row of some of the columns.</summary>
    public void WriteTo(IBufferWriter<byte> destination, Range part)
    {
        var written = columns.AsSpan(0, count)[part];
        var size = 2 + (written.Length * 4);
        foreach (var (_, length) in written)
        {
            size += Math.Max(length, 0);
        }

        var row = destination.GetSpan(size);
        BinaryPrimitives.WriteInt16BigEndian(row, (short)written.Length);
        var at = 2;
        foreach (var (start, length) in written)
        {
            BinaryPrimitives.WriteInt32BigEndian(row[at..], length);
            at += 4;
            if (length > 0)
            {
                values.AsSpan(start, length).CopyTo(row[at..]);
                at += length;
            }
        }

        destination.Advance(size);
    }
}
