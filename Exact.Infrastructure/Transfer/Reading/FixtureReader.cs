using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// A fixture, record by record: a JSON array or JSON lines, told by the first character; UTF-8, or UTF-16 with a byte order mark.
/// It keeps one buffer, as large as the largest record.
/// </summary>
internal sealed class FixtureReader(Stream source) : IAsyncDisposable
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
    private long offset;
    private long line = 1;
    private long charsOfLine;
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

    /// <summary>Why the rest of the file cannot be read; null when <see cref="TryReadAsync"/> ended because the file did.</summary>
    public FixtureError? Fault { get; private set; }

    public ValueTask DisposeAsync() => pipe.CompleteAsync();

    /// <summary>Reads the next record; false at the end, or at a <see cref="Fault"/>.</summary>
    public async ValueTask<bool> TryReadAsync(RecordParser parser, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                switch (TryRead(parser))
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
        catch (DecoderFallbackException notUtf16)
        {
            Stop(FixtureErrorCode.NotJson, notUtf16.Message, end);
            return false;
        }
    }

    private enum Step
    {
        Record,
        End,
        NeedsMore,
    }

    private Step TryRead(RecordParser parser)
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
                    Pass(isArray ? 1 : 0);
                    place = isArray ? Place.FirstRecord : Place.Record;
                    break;
                case Place.Beginning:
                    return Misplaced(NotAFixture.AtBeginning(Rest), start);
                case Place.FirstRecord or Place.AfterRecord when isArray && first == ']':
                    Pass(1);
                    place = Place.AfterArray;
                    break;
                case Place.AfterRecord when isArray && first == ',':
                    Pass(1);
                    place = Place.Record;
                    break;
                case Place.AfterRecord when isArray:
                    return Misplaced(NotAFixture.AfterRecord(Rest), start);
                case Place.AfterArray:
                    return Misplaced(NotAFixture.AfterList(Rest), start);
                default:
                    return TryParse(parser);
            }
        }
    }

    private Span<byte> Rest => buffer.AsSpan(start, end - start);

    private Step TryParse(RecordParser parser)
    {
        var record = parser.Record;
        record.Number = Records;
        record.Line = line;
        record.Offset = offset + start;
        try
        {
            if (!parser.TryParse(Rest, out var length))
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
            var (at, what) =
                SyntaxFault.Find(Rest, PythonJsonReader.MaxDepth) ?? (PlaceOf(notJson), "This is not JSON.");
            return Misplaced(at == 0 ? NotAFixture.InsteadOfRecord(Rest, isArray) : what, start + at);
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
        var blanks = Rest.IndexOfAnyExcept(" \n\r\t"u8);
        Pass(blanks < 0 ? end - start : blanks);
    }

    private void Pass(int length)
    {
        (line, charsOfLine) = PlaceAfter(length);
        start += length;
    }

    /// <summary>The line, and how many characters of it come before, after the next bytes.</summary>
    private (long Line, long Chars) PlaceAfter(int length)
    {
        var passed = buffer.AsSpan(start, length);
        var ofLine = passed[(passed.LastIndexOf((byte)'\n') + 1)..];
        var chars = Ascii.IsValid(ofLine) ? ofLine.Length : Characters(ofLine);
        return ofLine.Length == length ? (line, charsOfLine + chars) : (line + passed.Count((byte)'\n'), chars);
    }

    private static int Characters(ReadOnlySpan<byte> utf8)
    {
        var count = 0;
        foreach (var value in utf8)
        {
            count += (value & 0xC0) == 0x80 ? 0 : 1;
        }

        return count;
    }

    /// <summary>Stops at what is not JSON, or would not be there if the file were a fixture from its first line on.</summary>
    private Step Misplaced(string what, int at)
    {
        var beginning = offset == 0 ? buffer.AsSpan(0, end) : default;
        var (atLine, _) = PlaceAfter(at - start);
        return Stop(FixtureErrorCode.NotJson, NotAFixture.AfterOtherOutput(beginning, atLine) ?? what, at);
    }

    private Step Stop(string code, string detail, int at)
    {
        var isOfRecord = place is not (Place.Beginning or Place.AfterArray);
        var pointer = isOfRecord ? FixtureError.PointerTo(Records, null) : "#";
        var (atLine, before) = PlaceAfter(at - start);
        long? record = isOfRecord ? Records : null;
        Fault = new FixtureError(code, detail, record, pointer, atLine, offset + at, Column: before + 1);
        return Step.End;
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        text ??= await OpenAsync(cancellationToken);
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

            var read = await text.ReadAsync(buffer.AsMemory(end), cancellationToken);
            end += read;
            isComplete = read == 0;
        } while (end < enough && !isComplete);
    }

    private async ValueTask<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        var beginning = (await pipe.ReadAtLeastAsync(3, cancellationToken)).Buffer;
        var mark = new byte[Math.Min(beginning.Length, 3)];
        beginning.Slice(0, mark.Length).CopyTo(mark);
        var isBigEndian = mark is [0xFE, 0xFF, ..];
        var isUtf16 = isBigEndian || mark is [0xFF, 0xFE, ..];
        var length =
            isUtf16 ? 2
            : mark is [0xEF, 0xBB, 0xBF] ? 3
            : 0;
        pipe.AdvanceTo(beginning.GetPosition(length));
        var bytes = pipe.AsStream(leaveOpen: true);
        return isUtf16 ? new Utf16Stream(bytes, isBigEndian) : bytes;
    }

    /// <summary>Where the parser says that the fault is, counted from the beginning of the record.</summary>
    private int PlaceOf(JsonException notJson)
    {
        var at = 0;
        for (var lines = notJson.LineNumber ?? 0; lines > 0; lines--)
        {
            at += Rest[at..].IndexOf((byte)'\n') + 1;
        }

        return Math.Min(at + (int)(notJson.BytePositionInLine ?? 0), end - start);
    }
}
