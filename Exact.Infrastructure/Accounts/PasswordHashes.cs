using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// Verifies Identity's hashes and Django's (<c>pbkdf2_sha256$ITERATIONS$SALT$HASH</c>), which a sign-in replaces with
/// Identity's.
/// </summary>
internal sealed class PasswordHashes(IOptions<PasswordHasherOptions>? options = null) : PasswordHasher<User>(options)
{
    /// <summary>Limits the work of a verification: ten million take seconds. Django 6 uses 1.2 million.</summary>
    public const int MaxIterations = 10_000_000;

    private const string Prefix = "pbkdf2_sha256";

    /// <summary>The prefixes of hashes from Django's other hashers and from common libraries.</summary>
    private static readonly string[] OtherPrefixes =
    [
        "pbkdf2_sha1$",
        "argon2$",
        "bcrypt$",
        "bcrypt_sha256$",
        "scrypt$",
        "sha1$",
        "md5$",
        "crypt$",
        "$argon2",
        "$2a$",
        "$2b$",
        "$2y$",
    ];

    /// <summary>Whether the database accepts it: a hash, or Django's <c>!</c> for an unusable password.</summary>
    public static bool IsHash(string text) =>
        text.StartsWith('!')
        || CanBeVerified(text)
        || text.StartsWith($"{Prefix}$", StringComparison.Ordinal)
        || OtherPrefixes.Any(prefix => text.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Whether Exact can verify it; Django's <c>!</c>, which matches no password, counts as well.</summary>
    public static bool CanBeVerified(string hash) =>
        hash.StartsWith('!')
        || hash.Split('$') switch
        {
            [Prefix, var iterations, _, var digest] => IterationsOf(iterations) is not null
                && DigestOf(digest) is not null,
            [_] => Base64.IsValid(hash) && Convert.FromBase64String(hash) is [0x00 or 0x01, ..] && IsIdentitys(hash),
            _ => false,
        };

    public override PasswordVerificationResult VerifyHashedPassword(
        User user,
        string hashedPassword,
        string providedPassword
    ) =>
        hashedPassword.Split('$') switch
        {
            [Prefix, var iterations, var salt, var hash] => IsDjangos(iterations, salt, hash, providedPassword)
                ? PasswordVerificationResult.SuccessRehashNeeded
                : PasswordVerificationResult.Failed,
            [_] when IsIdentitys(hashedPassword) => base.VerifyHashedPassword(user, hashedPassword, providedPassword),
            _ => PasswordVerificationResult.Failed,
        };

    /// <summary>Whether Identity can verify the hash; it would throw at others, such as Django's "!".</summary>
    private static bool IsIdentitys(string hashedPassword)
    {
        if (!Base64.IsValid(hashedPassword))
        {
            return false;
        }

        // Version 3: a marker byte; the function, the iterations and the salt's length in four bytes each; salt and
        // hash.
        var bytes = Convert.FromBase64String(hashedPassword);
        return bytes is not [0x01, ..] || bytes.Length < 13 || ReadIterations(bytes) <= MaxIterations;
    }

    private static uint ReadIterations(byte[] bytes) => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(5));

    private static bool IsDjangos(string iterations, string salt, string hash, string password)
    {
        if (IterationsOf(iterations) is not { } count || DigestOf(hash) is not { } expected)
        {
            return false;
        }

        Span<byte> derived = stackalloc byte[SHA256.HashSizeInBytes];
        Rfc2898DeriveBytes.Pbkdf2(password, Encoding.UTF8.GetBytes(salt), derived, count, HashAlgorithmName.SHA256);
        return CryptographicOperations.FixedTimeEquals(derived, expected);
    }

    private static int? IterationsOf(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
        && count is > 0 and <= MaxIterations
            ? count
            : null;

    private static byte[]? DigestOf(string text)
    {
        var digest = new byte[SHA256.HashSizeInBytes];
        return Convert.TryFromBase64String(text, digest, out var length) && length == digest.Length ? digest : null;
    }
}
