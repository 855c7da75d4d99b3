using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;

namespace Exact.Infrastructure.Fixtures;

/// <summary>
/// A fixture, record by record: a JSON array or JSON lines, told by the first character; UTF-8, or UTF-16 with a byte order mark.
/// It keeps one buffer, as large as the largest record.
/// </summary>
internal sealed class FixtureReader(Stream source, TimeProvider time) : IAsyncDisposable
{
    /// <summary>A record of more bytes is refused.</summary>
    public const int MaxRecord = 8 * 1024 * 1024;

    private const int BufferSize = 128 * 1024;

    private readonly PipeReader pipe = PipeReader.Create(
        source,
        new StreamPipeReaderOptions(bufferSize: BufferSize, leaveOpen: true)
    );
    private Stream? text;
    private byte[] buffer = new byte[BufferSize];
    private int start;
    private int end;
    private bool isComplete;
    private long began;
    private long waited;
    private long offset;
    private long line = 1;
    private Place place = Place.Beginning;
    private bool isArray;

    private enum Place
    {
        Beginning,
        FirstRecord,
        Record,
        AfterRecord,
        AfterArray,
    }

    /// <summary>The bytes read so far, as UTF-8.</summary>
    public long Bytes => offset + start;

    /// <summary>The records read so far.</summary>
    public long Records { get; private set; }

    /// <summary>Most of the time so far went into reading, and not into waiting for what there is to read.</summary>
    public bool KeepsPace => waited <= (time.GetTimestamp() - began) / 2;

    /// <summary>How long to wait for more of the file; null for as long as it takes.</summary>
    public TimeSpan? Patience { get; set; }

    /// <summary>The file did not go on for as long as <see cref="Patience"/> says: <see cref="TryReadAsync"/> ended for that.</summary>
    public bool IsStalled { get; private set; }

    /// <summary>Why the rest of the file cannot be read; null when <see cref="TryReadAsync"/> ended because the file did.</summary>
    public FixtureError? Fault { get; private set; }

    public ValueTask DisposeAsync() => pipe.CompleteAsync();

    /// <summary>Reads the next record; false at the end, or at a <see cref="Fault"/>.</summary>
    public async ValueTask<bool> TryReadAsync(FixtureRecord record, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                switch (TryRead(record))
                {
                    case Step.Record:
                        return true;
                    case Step.End:
                        return false;
                    default:
                        await FillAsync(cancellationToken);
                        break;
                }
            }
        }
        catch (DecoderFallbackException)
        {
            Stop(FixtureErrorCode.NotJson, "The file begins as UTF-16 and does not go on so.", start);
            return false;
        }
        catch (OperationCanceledException) when (IsStalled)
        {
            return false;
        }
    }

    private enum Step
    {
        Record,
        End,
        NeedsMore,
    }

    private Step TryRead(FixtureRecord record)
    {
        while (true)
        {
            PassBlanks();
            if (start == end)
            {
                return isComplete ? AtEnd() : Step.NeedsMore;
            }

            var first = buffer[start];
            switch (place)
            {
                case Place.Beginning when first is (byte)'[' or (byte)'{':
                    isArray = first == '[';
                    start += isArray ? 1 : 0;
                    place = isArray ? Place.FirstRecord : Place.Record;
                    break;
                case Place.Beginning:
                    return Stop(FixtureErrorCode.NotJson, WhatElse(buffer.AsSpan(start, end - start)), start);
                case Place.FirstRecord or Place.AfterRecord when isArray && first == ']':
                    start++;
                    place = Place.AfterArray;
                    break;
                case Place.AfterRecord when isArray && first == ',':
                    start++;
                    place = Place.Record;
                    break;
                case Place.AfterRecord when isArray:
                    return Stop(FixtureErrorCode.NotJson, "A ',' or a ']' is expected after a record.", start);
                case Place.AfterArray:
                    return Stop(FixtureErrorCode.NotJson, "Something follows the end of the list.", start);
                default:
                    return TryParse(record);
            }
        }
    }

    private Step TryParse(FixtureRecord record)
    {
        record.Number = Records;
        record.Line = line;
        record.Offset = offset + start;
        try
        {
            if (!record.TryParse(buffer.AsSpan(start, end - start), out var length))
            {
                return end - start >= MaxRecord
                        ? Stop(FixtureErrorCode.RecordTooLarge, $"A record has at most {MaxRecord} bytes.", start)
                    : isComplete ? Stop(FixtureErrorCode.NotJson, "The file ends within a record: it was cut off.", end)
                    : Step.NeedsMore;
            }

            Pass(length);
            Records++;
            place = Place.AfterRecord;
            return Step.Record;
        }
        catch (JsonException notJson)
        {
            var at = Find(notJson);
            return Stop(FixtureErrorCode.NotJson, Reason(notJson), at);
        }
    }

    private Step AtEnd() =>
        place switch
        {
            Place.AfterArray => Step.End,
            Place.AfterRecord when !isArray => Step.End,
            Place.Beginning => Stop(FixtureErrorCode.NotJson, "The file is empty.", start),
            _ => Stop(FixtureErrorCode.NotJson, "The file ends before its list does: it was cut off.", start),
        };

    private void PassBlanks()
    {
        var rest = buffer.AsSpan(start, end - start);
        var blanks = rest.IndexOfAnyExcept(" \n\r\t"u8);
        Pass(blanks < 0 ? rest.Length : blanks);
    }

    private void Pass(int length)
    {
        line += buffer.AsSpan(start, length).Count((byte)'\n');
        start += length;
    }

    private Step Stop(string code, string detail, int at)
    {
        var pointer = place is Place.Beginning or Place.AfterArray ? "#" : FixtureError.PointerTo(Records, null);
        var atLine = line + buffer.AsSpan(start, at - start).Count((byte)'\n');
        Fault = new FixtureError(code, detail, pointer == "#" ? null : Records, pointer, atLine, offset + at);
        return Step.End;
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        if (text is null)
        {
            began = asked;
            text = await OpenAsync(cancellationToken);
        }

        if (start > 0)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            offset += start;
            end -= start;
            start = 0;
        }

        // A record that has not ended yet is parsed from its beginning again. Waiting until there is twice as much of it keeps the time for a
        // long one that comes in small pieces proportional to its length.
        var enough = Math.Min(end * 2, MaxRecord);
        do
        {
            if (end == buffer.Length)
            {
                Array.Resize(ref buffer, Math.Min(buffer.Length * 2, MaxRecord));
            }

            var read = await ReadAsync(text, buffer.AsMemory(end), cancellationToken);
            end += read;
            isComplete = read == 0;
        } while (end < enough && !isComplete);

        waited += time.GetTimestamp() - asked;
    }

    private ValueTask<int> ReadAsync(Stream from, Memory<byte> free, CancellationToken cancellationToken) =>
        Patience is { } patience
            ? ReadWithinAsync(patience, from, free, cancellationToken)
            : from.ReadAsync(free, cancellationToken);

    private async ValueTask<int> ReadWithinAsync(
        TimeSpan patience,
        Stream from,
        Memory<byte> free,
        CancellationToken cancellationToken
    )
    {
        using var impatience = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, impatience.Token);
        try
        {
            return await from.ReadAsync(free, either.Token);
        }
        catch (OperationCanceledException)
            when (impatience.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            IsStalled = true;
            throw;
        }
    }

    private async ValueTask<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        var beginning = (await pipe.ReadAtLeastAsync(3, cancellationToken)).Buffer;
        var mark = new byte[Math.Min(beginning.Length, 3)];
        beginning.Slice(0, mark.Length).CopyTo(mark);
        Encoding? utf16 = mark switch
        {
            [0xFF, 0xFE, ..] => new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true),
            [0xFE, 0xFF, ..] => new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true),
            _ => null,
        };
        var length =
            utf16 is not null ? 2
            : mark is [0xEF, 0xBB, 0xBF] ? 3
            : 0;
        pipe.AdvanceTo(beginning.GetPosition(length));
        var bytes = pipe.AsStream(leaveOpen: true);
        return utf16 is null ? bytes : Encoding.CreateTranscodingStream(bytes, utf16, Encoding.UTF8, leaveOpen: true);
    }

    /// <summary>Where in the buffer the exception says that the fault is.</summary>
    private int Find(JsonException notJson)
    {
        var at = start;
        for (var lines = notJson.LineNumber ?? 0; lines > 0; lines--)
        {
            at += buffer.AsSpan(at, end - at).IndexOf((byte)'\n') + 1;
        }

        return Math.Min(at + (int)(notJson.BytePositionInLine ?? 0), end);
    }

    private static string Reason(JsonException notJson)
    {
        var place = notJson.Message.IndexOf(" LineNumber:", StringComparison.Ordinal); // ours is that of the whole file
        return place < 0 ? notJson.Message : notJson.Message[..place];
    }

    private static string WhatElse(ReadOnlySpan<byte> beginning) =>
        beginning switch
        {
            [0x1F, 0x8B, ..] => "The file is compressed with gzip, twice: unpack it.",
            [0x28, 0xB5, 0x2F, 0xFD, ..] =>
                "The file is compressed with zstd: unpack it, or compress it with gzip or brotli.",
            [(byte)'B', (byte)'Z', (byte)'h', ..] or [0xFD, (byte)'7', (byte)'z', ..] or [(byte)'P', (byte)'K', ..] =>
                "The file is an archive: unpack it, or compress it with gzip or brotli.",
            _ when beginning.Contains((byte)0) => "The file looks like UTF-16 without a byte order mark.",
            _ => "A fixture is a JSON list of records, or one record a line.",
        };
}
