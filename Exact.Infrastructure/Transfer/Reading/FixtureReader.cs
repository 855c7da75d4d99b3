using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// A fixture, record by record: a JSON array or JSON lines, told by the first character; UTF-8, UTF-16 or UTF-32, told
/// by the first bytes, or of the encoding that is declared. It keeps one buffer, as large as the largest record.
/// </summary>
internal sealed class FixtureReader(Stream source, Encoding? declared = null) : IAsyncDisposable
{
    /// <summary>A record of more bytes is refused.</summary>
    public const int MaxRecord = 8 * 1024 * 1024;

    /// <summary>
    /// How much is read beyond a fault to tell what it is, so that this does not depend on how the file comes.
    /// </summary>
    private const int LookAhead = 64 * 1024;

    private const int BufferSize = 128 * 1024;

    private readonly FixtureSource file = new(source, declared);
    private byte[] buffer = new byte[BufferSize];
    private int start;
    private int end;
    private bool isComplete;
    private bool hasLookedAhead;
    private bool hasBeginning = true;
    private FilePlace place = new(Line: 1, Column: 1, Offset: 0);
    private Part part = Part.Beginning;
    private bool isArray;

    private enum Part
    {
        Beginning,
        FirstRecord,
        Record,
        AfterRecord,
        AfterArray,
    }

    /// <summary>False for the rows of a live database: what is not UTF-8 there is named by its key, not by its place.</summary>
    public bool IsFile { get; init; } = true;

    /// <summary>How much of the file has been read.</summary>
    public long Bytes => place.Offset;

    /// <summary>The records read so far.</summary>
    public long Records { get; private set; }

    /// <summary>Why the rest of the file cannot be read; null when <see cref="TryReadAsync"/> ended because the file did.</summary>
    public FixtureError? Fault { get; private set; }

    public ValueTask DisposeAsync() => file.DisposeAsync();

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
                    case Step.Fault when hasLookedAhead || isComplete || Fault!.Code is FixtureErrorCode.RecordTooLarge:
                        return false;
                    case Step.Fault:
                        Fault = null; // it is looked at again with what follows it
                        await LookAheadAsync(cancellationToken);
                        break;
                    default:
                        await FillAsync(cancellationToken);
                        break;
                }
            }
        }
        catch (NotTextException notText)
        {
            Stop(FixtureErrorCode.NotJson, notText.Message, end);
            return false;
        }
    }

    private enum Step
    {
        Record,
        End,
        Fault,
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
            switch (part)
            {
                case Part.Beginning when first is (byte)'[' or (byte)'{':
                    isArray = first == '[';
                    Pass(isArray ? 1 : 0);
                    part = isArray ? Part.FirstRecord : Part.Record;
                    break;
                case Part.Beginning:
                    return Misplaced(NotAFixture.AtBeginning(Rest), start);
                case Part.FirstRecord or Part.AfterRecord when isArray && first == ']':
                    Pass(1);
                    part = Part.AfterArray;
                    break;
                case Part.AfterRecord when isArray && first == ',':
                    Pass(1);
                    part = Part.Record;
                    break;
                case Part.AfterRecord when isArray:
                    return Misplaced(NotAFixture.AfterRecord(Rest), start);
                case Part.AfterArray:
                    return Misplaced(NotAFixture.AfterList(Rest), start);
                case Part.AfterRecord when first == '[':
                    return Misplaced(NotAFixture.InsteadOfRecord(Rest, isArray), start);
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
        record.Place = place;
        record.Encoding = file.Encoding;
        try
        {
            if (!parser.TryParse(Rest, out var length))
            {
                var isTooLarge = end - start >= MaxRecord;
                return !isTooLarge && !isComplete ? Step.NeedsMore
                    : NotUtf8.Find(Rest) is var notUtf8 and >= 0 ? StopAtNotUtf8(notUtf8)
                    : isTooLarge
                        ? Stop(FixtureErrorCode.RecordTooLarge, $"A record has at most {MaxRecord} bytes.", start)
                    : Stop(FixtureErrorCode.NotJson, "The file ends within a record: it was cut off.", end);
            }

            if (IsFile && record.Problems.Count > 0 && NotUtf8.Find(Rest[..length]) is var inRecord and >= 0)
            {
                return StopAtNotUtf8(inRecord);
            }

            Pass(length);
            Records++;
            part = Part.AfterRecord;
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
        part switch
        {
            Part.AfterArray => Step.End,
            Part.AfterRecord when !isArray => Step.End,
            Part.Beginning when place.Line > 1 => Step.End, // JSON lines without a record, as an export writes them
            Part.Beginning => Stop(
                FixtureErrorCode.NotJson,
                "The file is empty. If a dump made it, that failed: dump again. To import nothing, send [].",
                start
            ),
            _ => Stop(FixtureErrorCode.NotJson, "The file ends before its list does: it was cut off.", start),
        };

    private void PassBlanks()
    {
        var blanks = Rest.IndexOfAnyExcept(" \n\r\t"u8);
        Pass(blanks < 0 ? end - start : blanks);
    }

    private void Pass(int length)
    {
        if (length > 0)
        {
            place = place.After(buffer.AsSpan(start, length), file.Encoding);
            start += length;
        }
    }

    /// <summary>
    /// Stops at what is not JSON, or would not be there if the file were a fixture from its first line on.
    /// </summary>
    private Step Misplaced(string what, int at)
    {
        var beginning = hasBeginning ? buffer.AsSpan(0, end) : default;
        var line = place.After(buffer.AsSpan(start, at - start), file.Encoding).Line;
        if (NotAFixture.AfterOtherOutput(beginning, line, isAfterList: part is Part.AfterArray) is { } output)
        {
            return Stop(FixtureErrorCode.NotJson, output, at);
        }

        var notUtf8 = part is Part.Beginning or Part.AfterArray ? -1 : NotUtf8.Find(Rest);
        return notUtf8 >= 0 && start + notUtf8 <= at
            ? StopAtNotUtf8(notUtf8)
            : Stop(FixtureErrorCode.NotJson, what, at);
    }

    private Step StopAtNotUtf8(int at)
    {
        var from = place.After(Rest[..at], file.Encoding);
        var isUnpacked = source is ForwardStream { IsUnpacked: true };
        return Stop(FixtureErrorCode.NotUtf8, NotUtf8.Describe(Rest, from, isUnpacked), start + at);
    }

    private Step Stop(string code, string detail, int at)
    {
        var isOfRecord = part is not (Part.Beginning or Part.AfterArray);
        var pointer = isOfRecord ? FixtureError.PointerTo(Records) : "#";
        long? record = isOfRecord ? Records : null;
        Fault = new FixtureError(
            code,
            detail,
            record,
            pointer,
            place.After(buffer.AsSpan(start, at - start), file.Encoding)
        );
        return Step.Fault;
    }

    /// <summary>Reads more after a fault, and keeps what is there.</summary>
    private async ValueTask LookAheadAsync(CancellationToken cancellationToken)
    {
        hasLookedAhead = true;
        Array.Resize(ref buffer, Math.Max(buffer.Length, end + LookAhead));
        try
        {
            while (!isComplete && end < start + LookAhead)
            {
                await ReadAsync(cancellationToken);
            }
        }
        catch (NotTextException)
        {
            isComplete = true; // the first fault counts
        }
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        if (start > 0)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            hasBeginning = false;
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

            await ReadAsync(cancellationToken);
        } while (end < enough && !isComplete);
    }

    private async ValueTask ReadAsync(CancellationToken cancellationToken)
    {
        var read = await file.ReadAsync(buffer.AsMemory(end), cancellationToken);
        place = place with { Offset = Math.Max(place.Offset, file.Mark) };
        end += read;
        isComplete = read == 0;
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
