using System.IO.Compression;
using System.Text;
using Exact.Api.Transfers.Unpacking;
using Exact.Tests.Transfer;

namespace Exact.Tests.Transfers;

/// <summary>A packed file is read only if it is complete.</summary>
public sealed class PackingTests
{
    private static readonly byte[] Lines = Encoding.UTF8.GetBytes(
        string.Concat(Enumerable.Range(1, 15).Select(pk => $"{Sample.Group(pk, $"group {pk * 7919}")}\n"))
    );

    private static readonly byte[] List = Encoding.UTF8.GetBytes(
        Sample.Fixture([.. Enumerable.Range(1, 15).Select(pk => Sample.Group(pk, $"group {pk * 7919}"))])
    );

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> Kinds =>
        new(
            from kind in (string[])["gzip", "gzip, flushed", "two gzip members", "br", "br, flushed"]
            from lines in (bool[])[true, false]
            select (kind, lines)
        );

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_packed_file_that_is_cut_anywhere_was_cut_off(string kind, bool lines)
    {
        var text = lines ? Lines : List;
        var (whole, boundary) = Pack(kind, text);
        string?[] codings = kind.StartsWith("br", StringComparison.Ordinal) ? ["br"] : ["gzip", null];
        foreach (var coding in codings)
        {
            foreach (var piece in (int[])[int.MaxValue, 1])
            {
                Assert.Equal(text, await ReadAsync(whole, coding, piece));
                Assert.Empty(await ReadAsync([], coding, piece));
                for (var length = 1; length < whole.Length; length++)
                {
                    if (length != boundary) // a gzip file that ends with a member is whole
                    {
                        var refusal = await Assert.ThrowsAsync<UnreadableFileException>(() =>
                            ReadAsync(whole[..length], coding, piece)
                        );
                        Assert.StartsWith("The file was cut off", refusal.Message, StringComparison.Ordinal);
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Bytes_after_the_end_of_a_packed_file_are_refused(string kind, bool lines)
    {
        var (whole, _) = Pack(kind, lines ? Lines : List);
        var coding = kind.StartsWith("br", StringComparison.Ordinal) ? "br" : "gzip";
        foreach (var more in (string[])["\0", "\n", "x", "[{}]", new string('\0', 200_000)])
        {
            foreach (var piece in (int[])[int.MaxValue, 1])
            {
                var refusal = await Assert.ThrowsAsync<UnreadableFileException>(() =>
                    ReadAsync([.. whole, .. Encoding.Latin1.GetBytes(more)], coding, piece)
                );
                Assert.StartsWith(
                    $"The file is damaged: more bytes follow the end of its {(coding == "br" ? "brotli" : coding)} data",
                    refusal.Message
                );
            }
        }
    }

    [Theory]
    [InlineData(8, "The file is damaged")] // the checksum
    [InlineData(4, "The file is damaged")] // the length
    [InlineData(1, "The file is damaged")]
    public async Task A_gzip_file_whose_checksum_or_length_is_wrong_is_damaged(int fromEnd, string said)
    {
        foreach (var kind in (string[])["gzip", "gzip, flushed", "two gzip members"])
        {
            var (whole, _) = Pack(kind, Lines);
            whole[^fromEnd] ^= 1;
            var refusal = await Assert.ThrowsAsync<UnreadableFileException>(() => ReadAsync(whole, coding: null));
            Assert.StartsWith(said, refusal.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task A_file_that_is_not_packed_as_declared_is_refused(string coding)
    {
        var refusal = await Assert.ThrowsAsync<UnreadableFileException>(() => ReadAsync(List, coding));

        Assert.Contains("data that it was declared to be", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_file_is_refused_in_our_own_words()
    {
        var random = new Random(7);
        foreach (var kind in (string[])["gzip, flushed", "br, flushed"])
        {
            var (whole, _) = Pack(kind, Lines);
            for (var round = 0; round < 500; round++)
            {
                byte[] broken = [.. whole];
                broken[random.Next(broken.Length)] ^= (byte)random.Next(1, 256);
                try
                {
                    await ReadAsync(broken, kind[..2] == "br" ? "br" : "gzip");
                }
                catch (UnreadableFileException e)
                {
                    Assert.Matches("^The file (was cut off|is damaged|is not )", e.Message);
                }
            }
        }
    }

    private static (byte[] Whole, int Boundary) Pack(string kind, byte[] text)
    {
        using var packed = new MemoryStream();
        var boundary = -1;
        var isFlushed = kind.EndsWith("flushed", StringComparison.Ordinal);
        var packing = Open();
        for (var at = 0; at < text.Length; at += 300)
        {
            packing.Write(text.AsSpan(at, Math.Min(300, text.Length - at)));
            if (isFlushed)
            {
                packing.Flush();
            }

            if (kind is "two gzip members" && boundary < 0)
            {
                packing.Dispose();
                boundary = (int)packed.Length;
                packing = Open();
            }
        }

        packing.Dispose();
        return (packed.ToArray(), boundary);

        Stream Open() =>
            kind.StartsWith("br", StringComparison.Ordinal)
                ? new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true)
                : new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true);
    }

    /// <summary>As an import reads it, in pieces of at most so many bytes.</summary>
    private static async Task<byte[]> ReadAsync(byte[] packed, string? coding, int piece = int.MaxValue)
    {
        var packing = coding switch
        {
            "gzip" => Packing.Gzip,
            "br" => Packing.Brotli,
            _ => Packing.None,
        };
        await using var fixture = new FixtureStream(new PieceStream(packed, piece), packing, long.MaxValue);
        using var text = new MemoryStream();
        await fixture.CopyToAsync(text, CancellationToken);
        return text.ToArray();
    }
}
