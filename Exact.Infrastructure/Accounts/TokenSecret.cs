using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// The secret of a personal token: <c>exact_pat_</c>, 30 random letters and digits, and their CRC-32 in six more, so that
/// scanners recognise a leaked one and a mistyped one costs no query.
/// </summary>
internal static class TokenSecret
{
    public const string Prefix = "exact_pat_";

    private const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int RandomLength = 30;
    private const int ChecksumLength = 6;

    public static string Create()
    {
        var random = RandomNumberGenerator.GetString(Digits, RandomLength);
        return $"{Prefix}{random}{ChecksumOf(random)}";
    }

    public static bool IsWellFormed(string secret) =>
        secret.Length == Prefix.Length + RandomLength + ChecksumLength
        && secret.StartsWith(Prefix, StringComparison.Ordinal)
        && secret[Prefix.Length..^ChecksumLength] is var random
        && secret[^ChecksumLength..] == ChecksumOf(random);

    /// <summary>What is stored. The secret is random, so that it needs no slow hash.</summary>
    public static byte[] HashOf(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    /// <summary>The CRC-32 in base 62, with leading zeros.</summary>
    private static string ChecksumOf(string random)
    {
        var rest = Crc32.HashToUInt32(Encoding.UTF8.GetBytes(random));
        Span<char> text = stackalloc char[ChecksumLength];
        for (var i = ChecksumLength - 1; i >= 0; i--)
        {
            (rest, var digit) = Math.DivRem(rest, (uint)Digits.Length);
            text[i] = Digits[(int)digit];
        }

        return new(text);
    }
}
