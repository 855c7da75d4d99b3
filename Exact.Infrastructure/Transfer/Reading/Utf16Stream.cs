using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>UTF-16 as UTF-8. The framework's transcoding stream would drop half a character at the end without a word.</summary>
/// <param name="bytes">UTF-16 after its byte order mark. It is left open.</param>
/// <param name="isBigEndian">The byte order.</param>
internal sealed class Utf16Stream(Stream bytes, bool isBigEndian) : ForwardStream
{
    private const int BufferSize = 32 * 1024;

    private readonly byte[] raw = new byte[BufferSize];
    private readonly char[] chars = new char[(BufferSize / sizeof(char)) + 1];
    private readonly byte[] utf8 = new byte[BufferSize * 2];
    private int rawKept;
    private int charsKept;
    private int next;
    private int end;
    private string? fault;

    /// <exception cref="DecoderFallbackException">It is not UTF-16; the message says how.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (next == end)
        {
            if (fault is not null)
            {
                throw new DecoderFallbackException(fault);
            }

            var read = await bytes.ReadAsync(raw.AsMemory(rawKept), cancellationToken);
            if (read == 0)
            {
                return rawKept == 0 && charsKept == 0
                    ? 0
                    : throw new DecoderFallbackException("The file ends within a UTF-16 character: it was cut off.");
            }

            Transcode(rawKept + read);
        }

        var length = Math.Min(buffer.Length, end - next);
        utf8.AsMemory(next, length).CopyTo(buffer);
        next += length;
        Count += length;
        return length;
    }

    private void Transcode(int available)
    {
        var whole = available / sizeof(char);
        MemoryMarshal.Cast<byte, char>(raw.AsSpan(0, available))[..whole].CopyTo(chars.AsSpan(charsKept));
        if (BitConverter.IsLittleEndian == isBigEndian)
        {
            var swapped = MemoryMarshal.Cast<char, ushort>(chars.AsSpan(charsKept, whole));
            BinaryPrimitives.ReverseEndianness(swapped, swapped);
        }

        rawKept = available % sizeof(char);
        raw[0] = raw[available - 1];
        var text = chars.AsSpan(0, charsKept + whole);
        var status = Utf8.FromUtf16(
            text,
            utf8,
            out var taken,
            out end,
            replaceInvalidSequences: false,
            isFinalBlock: false
        );
        next = 0;
        charsKept = text.Length - taken;
        if (status is OperationStatus.InvalidData)
        {
            fault = "The file begins as UTF-16, and here is half a character. Save the file as UTF-8.";
            return;
        }

        text[taken..].CopyTo(chars); // the first half of a surrogate pair
    }
}
