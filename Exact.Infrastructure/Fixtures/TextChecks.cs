using System.Buffers.Text;
using Exact.Infrastructure.Accounts;

namespace Exact.Infrastructure.Fixtures;

/// <summary>What some texts must be beyond their length.</summary>
internal static class TextChecks
{
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
                "A stored file's name is relative to the file store, with no '..', ':' or '\\' in it."
            );
        }

        return null;
    }

    public static FixtureProblem? Password(ReadOnlySpan<byte> hash)
    {
        var prefix = "pbkdf2_"u8;
        if (!hash.StartsWith(prefix) || hash.IndexOf((byte)'$') is var dollar && dollar < 0)
        {
            return null;
        }

        var isNumber = Utf8Parser.TryParse(hash[(dollar + 1)..], out long iterations, out _);
        return isNumber && iterations is > 0 and <= PasswordHashes.MaxIterations
            ? null
            : new FixtureProblem(
                FixtureErrorCode.BadPassword,
                $"A PBKDF2 password hash has from 1 to {PasswordHashes.MaxIterations} iterations."
            );
    }
}
