using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Exact.Infrastructure.Accounts;
using Microsoft.Net.Http.Headers;

namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>What some texts must be beyond their length.</summary>
internal static class TextChecks
{
    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdef"u8);

    /// <summary>
    /// A challenge is a segment of an address: an empty one is no segment, and clients and servers take away '.' and
    /// '..'.
    /// </summary>
    public static FixtureProblem? ChallengeName(ReadOnlySpan<byte> name) =>
        name.IsEmpty || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8)
            ? new FixtureProblem(
                FixtureErrorCode.BadName,
                "The name of a challenge must not be empty, '.' or '..', because no address can have it. Rename it."
            )
            : null;

    /// <summary>A stored file's name stays below the file store.</summary>
    public static FixtureProblem? StoredFile(ReadOnlySpan<byte> name)
    {
        if (
            name is [(byte)'/', ..]
            || name.IndexOfAny((byte)'\\', (byte)':') >= 0
            || name.SequenceEqual(".."u8)
            || name.StartsWith("../"u8)
            || name.EndsWith("/.."u8)
            || name.IndexOf("/../"u8) >= 0
        )
        {
            return new FixtureProblem(
                FixtureErrorCode.BadPath,
                "The name of a stored file must be relative to the file store, without '..', ':' or '\\'."
            );
        }

        return null;
    }

    /// <summary>The key of a file that must be there.</summary>
    public static FixtureProblem? StoredKey(ReadOnlySpan<byte> key) =>
        key.IsEmpty
            ? new FixtureProblem(FixtureErrorCode.BadPath, "The key of a stored file must not be empty.")
            : StoredFile(key);

    /// <summary>The hash of a file, which becomes its ETag.</summary>
    public static FixtureProblem? Sha256(ReadOnlySpan<byte> text) =>
        text.Length == 64 && !text.ContainsAnyExcept(HexDigits)
            ? null
            : new FixtureProblem(FixtureErrorCode.BadHash, "A SHA-256 must be 64 lower-case hexadecimal digits.");

    /// <summary>A type that a download has in its headers.</summary>
    public static FixtureProblem? MediaType(ReadOnlySpan<byte> type) =>
        MediaTypeHeaderValue.TryParse(Encoding.UTF8.GetString(type), out var parsed) && parsed.SubType.HasValue
            ? null
            : new FixtureProblem(
                FixtureErrorCode.BadMediaType,
                "'content_type' must be a media type, such as text/x-python. Use application/octet-stream if it is not known."
            );

    /// <summary>A password is kept as a hash only, and as one that does not take minutes to verify.</summary>
    public static FixtureProblem? Password(ReadOnlySpan<byte> text)
    {
        var hash = Encoding.UTF8.GetString(text);
        if (hash.Length > 0 && !PasswordHashes.IsHash(hash))
        {
            return new FixtureProblem(
                FixtureErrorCode.BadPassword,
                "'password' must be a hash as Django writes it, or '!' for an account without a password."
            );
        }

        if (!hash.StartsWith("pbkdf2_", StringComparison.Ordinal))
        {
            return null;
        }

        var isNumber = Utf8Parser.TryParse(text[(hash.IndexOf('$') + 1)..], out long iterations, out _);
        return isNumber && iterations is > 0 and <= PasswordHashes.MaxIterations
            ? null
            : new FixtureProblem(
                FixtureErrorCode.BadPassword,
                $"A PBKDF2 password hash must have from 1 to {PasswordHashes.MaxIterations} iterations."
            );
    }
}
