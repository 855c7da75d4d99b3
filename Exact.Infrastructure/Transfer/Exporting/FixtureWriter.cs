using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Exporting;

/// <summary>Writes columns, as binary COPY brings them, in the JSON that Django's <c>dumpdata</c> writes.</summary>
internal sealed class FixtureWriter(Stream destination, IProgress<ExportProgress>? progress = null)
{
    private const int FlushAt = 64 * 1024;

    /// <summary>What JSON escapes. Python leaves everything else as it is, DEL and U+2028 included.</summary>
    private static readonly SearchValues<byte> Escaped = SearchValues.Create([
        .. Enumerable.Range(0, 0x20).Select(code => (byte)code),
        (byte)'"',
        (byte)'\\',
    ]);

    private byte[] buffer = new byte[FlushAt * 2];
    private int used;
    private long flushed;

    /// <summary>The length of what has been written.</summary>
    public long Bytes => flushed + used;

    /// <summary>True when there is enough to be worth a <see cref="FlushAsync"/>.</summary>
    public bool IsFull => used >= FlushAt;

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await destination.WriteAsync(buffer.AsMemory(0, used), cancellationToken);
        flushed += used;
        used = 0;
        progress?.Report(new ExportProgress(flushed));
    }

    public void Write(ReadOnlySpan<byte> json)
    {
        json.CopyTo(Room(json.Length));
        used += json.Length;
    }

    /// <summary>Writes a column that is not NULL.</summary>
    public void WriteValue(FixtureKind kind, ReadOnlySpan<byte> column)
    {
        switch (kind)
        {
            case FixtureKind.Text:
                WriteText(column);
                break;
            case FixtureKind.Boolean:
                Write(column[0] != 0 ? "true"u8 : "false"u8);
                break;
            case FixtureKind.Number:
                WriteNumber(BinaryPrimitives.ReadDoubleBigEndian(column));
                break;
            case FixtureKind.Integer:
                WriteInteger(BinaryPrimitives.ReadInt64BigEndian(column));
                break;
            case FixtureKind.Timestamp:
                Write("\""u8);
                used += FixtureTimestamp.Format(
                    BinaryPrimitives.ReadInt64BigEndian(column),
                    Room(FixtureTimestamp.MaxLength)
                );
                Write("Z\""u8);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind));
        }
    }

    /// <summary>Writes a time with its zone; one that Django cannot have is written so that an import refuses it.</summary>
    public void WriteTime(ReadOnlySpan<byte> column, string zone)
    {
        var microseconds = BinaryPrimitives.ReadInt64BigEndian(column);
        if (!FixtureTimestamp.IsWritable(microseconds))
        {
            Write(microseconds < 0 ? "\"before the year 1\""u8 : "\"after the year 9999\""u8);
            return;
        }

        Write("\""u8);
        used += FixtureTimestamp.Format(microseconds, Room(FixtureTimestamp.MaxLength));
        used += Encoding.ASCII.GetBytes(zone, Room(zone.Length));
        Write("\""u8);
    }

    public void WriteInteger(long value)
    {
        Utf8Formatter.TryFormat(value, Room(20), out var length);
        used += length;
    }

    private void WriteText(ReadOnlySpan<byte> text)
    {
        Write("\""u8);
        for (var at = text.IndexOfAny(Escaped); at >= 0; at = text.IndexOfAny(Escaped))
        {
            Write(text[..at]);
            WriteEscaped(text[at]);
            text = text[(at + 1)..];
        }

        Write(text);
        Write("\""u8);
    }

    private void WriteEscaped(byte character)
    {
        switch (character)
        {
            case (byte)'"':
                Write("\\\""u8);
                break;
            case (byte)'\\':
                Write("\\\\"u8);
                break;
            case (byte)'\n':
                Write("\\n"u8);
                break;
            case (byte)'\r':
                Write("\\r"u8);
                break;
            case (byte)'\t':
                Write("\\t"u8);
                break;
            case (byte)'\b':
                Write("\\b"u8);
                break;
            case (byte)'\f':
                Write("\\f"u8);
                break;
            default:
                Write("\\u00"u8);
                Utf8Formatter.TryFormat(character, Room(2), out var length, new StandardFormat('x', 2));
                used += length;
                break;
        }
    }

    private void WriteNumber(double value)
    {
        if (!double.IsFinite(value))
        {
            Write(
                double.IsNaN(value) ? "NaN"u8
                : value > 0 ? "Infinity"u8
                : "-Infinity"u8
            );
            return;
        }

        var room = Room(32);
        value.TryFormat(room, out var length, "r", CultureInfo.InvariantCulture); // the shortest that reads back the same
        used += length;
        if (room[..length].IndexOfAny((byte)'.', (byte)'e') < 0)
        {
            Write(".0"u8); // Python reads 1 as an integer, and -0 as 0
        }
    }

    private Span<byte> Room(int length)
    {
        if (buffer.Length - used < length)
        {
            Array.Resize(ref buffer, Math.Max(buffer.Length * 2, used + length));
        }

        return buffer.AsSpan(used);
    }
}
