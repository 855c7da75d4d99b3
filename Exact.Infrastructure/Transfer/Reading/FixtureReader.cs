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
            Fault = Here.At(FixtureErrorCode.NotJson, notText.Message, end);
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
                    return Stop(Here.Misplaced(NotAFixture.AtBeginning(Rest), start));
                case Part.FirstRecord or Part.AfterRecord when isArray && first == ']':
                    Pass(1);
                    part = Part.AfterArray;
                    break;
                case Part.AfterRecord when isArray && first == ',':
                    Pass(1);
                    part = Part.Record;
                    break;
                case Part.AfterRecord when isArray:
                    return Stop(Here.Misplaced(NotAFixture.AfterRecord(Rest), start));
                case Part.AfterArray:
                    return Stop(Here.Misplaced(NotAFixture.AfterList(Rest), start));
                case Part.AfterRecord when first == '[':
                    return Stop(Here.Misplaced(NotAFixture.InsteadOfRecord(Rest, isArray), start));
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
                return end - start >= MaxRecord ? Stop(Here.TooLarge(MaxRecord))
                    : isComplete ? Stop(Here.CutOff())
                    : Step.NeedsMore;
            }

            if (IsFile && record.Problems.Count > 0 && NotUtf8.Find(Rest[..length]) is var notUtf8 and >= 0)
            {
                return Stop(Here.NotUtf8At(notUtf8));
            }

            if (
                Records == 0
                && record is { Table: null, Label: null }
                && NotAFixture.OtherJson(Rest[..length]) is { } other
            )
            {
                return Stop(Here.At(FixtureErrorCode.NotJson, other, start));
            }

            Pass(length);
            Records++;
            part = Part.AfterRecord;
            return Step.Record;
        }
        catch (JsonException notJson)
        {
            return Stop(Here.Syntax(notJson));
        }
    }

    private Step AtEnd() =>
        part switch
        {
            Part.AfterArray => Step.End,
            Part.AfterRecord when !isArray => Step.End,
            Part.Beginning when place.Line > 1 => Step.End, // JSON lines without a record, as an export writes them
            _ => Stop(Here.EndsEarly(isEmpty: part is Part.Beginning)),
        };

    private FixtureFault Here =>
        new(buffer.AsSpan(0, end), start, place, file.Encoding)
        {
            HasBeginning = hasBeginning,
            IsArray = isArray,
            IsAfterList = part is Part.AfterArray,
            IsUnpacked = source is ForwardStream { IsUnpacked: true },
            Record = part is Part.Beginning or Part.AfterArray ? null : Records,
        };

    private Step Stop(FixtureError fault)
    {
        Fault = fault;
        return Step.Fault;
    }

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

        // A record that has not ended yet is parsed from its beginning again. Waiting until there is twice as much of
        // it keeps the time for a long one that comes in small pieces proportional to its length.
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
}
