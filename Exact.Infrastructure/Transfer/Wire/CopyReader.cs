using System.Buffers.Binary;

namespace Exact.Infrastructure.Transfer.Wire;

/// <summary>
/// Rows of PostgreSQL's binary COPY format, one at a time. It keeps one buffer, as large as the largest row.
/// </summary>
/// <remarks>https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"</remarks>
internal sealed class CopyReader(Stream source, int columnCount)
{
    private const int HeaderLength = 19;

    private readonly (int Start, int Length)[] columns = new (int, int)[columnCount];
    private byte[] buffer = new byte[128 * 1024];
    private int start;
    private int end;
    private bool isPastHeader;

    /// <summary>The column's value; empty when it is NULL.</summary>
    public ReadOnlySpan<byte> this[int column] =>
        buffer.AsSpan(columns[column].Start, Math.Max(columns[column].Length, 0));

    public bool IsNull(int column) => columns[column].Length < 0;

    /// <summary>Goes to the next row; false at the end.</summary>
    /// <exception cref="EndOfStreamException">The data ends before the format says so.</exception>
    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        while (!isPastHeader)
        {
            isPastHeader = end >= HeaderLength;
            start = isPastHeader ? HeaderLength : 0;
            if (!isPastHeader)
            {
                await FillAsync(cancellationToken);
            }
        }

        while (true)
        {
            if (TryRead(out var isTrailer))
            {
                if (isTrailer)
                {
                    await ExpectEndAsync(cancellationToken);
                }

                return !isTrailer;
            }

            await FillAsync(cancellationToken);
        }
    }

    /// <summary>The server says only after the trailer that all went well.</summary>
    private async ValueTask ExpectEndAsync(CancellationToken cancellationToken)
    {
        if (end > start || await source.ReadAsync(buffer.AsMemory(0, 1), cancellationToken) > 0)
        {
            throw new InvalidDataException("The server went on after the end of a COPY.");
        }
    }

    private bool TryRead(out bool isTrailer)
    {
        isTrailer = false;
        if (end - start < 2)
        {
            return false;
        }

        var at = start;
        isTrailer = BinaryPrimitives.ReadInt16BigEndian(buffer.AsSpan(at)) == -1;
        at += 2;
        for (var column = 0; !isTrailer && column < columns.Length; column++)
        {
            if (end - at < 4)
            {
                return false;
            }

            var length = BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(at));
            at += 4;
            if (end - at < length)
            {
                return false;
            }

            columns[column] = (at, length);
            at += Math.Max(length, 0);
        }

        start = at;
        return true;
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        if (end == buffer.Length)
        {
            if (start == 0)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }

            buffer.AsSpan(start, end - start).CopyTo(buffer);
            end -= start;
            start = 0;
        }

        var read = await source.ReadAsync(buffer.AsMemory(end), cancellationToken);
        end += read;
        if (read == 0)
        {
            throw new EndOfStreamException("The server ended a COPY in the middle of a row.");
        }
    }
}
