using System.Text;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// A file of another encoding as UTF-8. The framework's transcoding stream would drop half a character at the end, and
/// replace what cannot be decoded, without a word.
/// </summary>
/// <param name="bytes">The file after its byte order mark. It is left open.</param>
/// <param name="encoding">How it is encoded.</param>
/// <param name="isDeclared">The sender says so; otherwise its first bytes do.</param>
internal sealed class TranscodingStream(Stream bytes, Encoding encoding, bool isDeclared) : ForwardStream
{
    private const int BufferSize = 16 * 1024;

    /// <summary>Stands for bytes that cannot be decoded: no file has these two noncharacters in this order.</summary>
    private const string Undecodable = "\uFFFF\uFFFE";

    private readonly Decoder decoder = DecoderOf(encoding);
    private readonly byte[] raw = new byte[BufferSize];
    private readonly char[] text = new char[encoding.GetMaxCharCount(BufferSize) * Undecodable.Length];
    private readonly byte[] utf8 = new byte[Encoding.UTF8.GetMaxByteCount(encoding.GetMaxCharCount(BufferSize))];
    private int next;
    private int end;
    private bool isBroken;

    private string Name => encoding.WebName.ToUpperInvariant();

    /// <exception cref="NotTextException">The bytes are not of this encoding.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (next == end)
        {
            if (isBroken)
            {
                throw new NotTextException(
                    isDeclared
                        ? $"The bytes from here on are not {Name}, which the charset in Content-Type names: correct it."
                        : $"The file begins as {Name}, and here is half a character. Save the file as UTF-8."
                );
            }

            var read = await bytes.ReadAsync(raw, cancellationToken);
            if (read == 0)
            {
                return decoder.GetChars([], text, flush: true) == 0
                    ? 0
                    : throw new NotTextException($"The file ends within a {Name} character: it was cut off.");
            }

            Transcode(decoder.GetChars(raw.AsSpan(0, read), text, flush: false));
        }

        var length = Math.Min(buffer.Length, end - next);
        utf8.AsMemory(next, length).CopyTo(buffer);
        next += length;
        Count += length;
        return length;
    }

    private void Transcode(int length)
    {
        var chars = text.AsSpan(0, length);
        if (chars.IndexOf(Undecodable) is var at and >= 0)
        {
            chars = chars[..at];
            isBroken = true;
        }

        next = 0;
        end = Encoding.UTF8.GetBytes(chars, utf8);
    }

    private static Decoder DecoderOf(Encoding encoding)
    {
        var strict = (Encoding)encoding.Clone();
        strict.DecoderFallback = new DecoderReplacementFallback(Undecodable);
        return strict.GetDecoder();
    }
}

/// <summary>The file cannot be read as text; the message says what it is.</summary>
internal sealed class NotTextException(string message) : IOException(message);
