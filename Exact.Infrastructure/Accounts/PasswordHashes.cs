using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// Writes hashes in Django's format (<c>pbkdf2_sha256$ITERATIONS$SALT$HASH</c>), so that people can go back there.
/// Verifies Django's and Identity's.
/// </summary>
internal sealed class PasswordHashes(IOptions<PasswordHasherOptions>? options = null) : PasswordHasher<User>(options)
{
    /// <summary>The cost of a new hash, which OWASP recommends. A hash with fewer iterations is replaced at a sign-in.</summary>
    public const int Iterations = 600_000;

    /// <summary>Limits the work of a verification: ten million take seconds. Django 6 uses 1.2 million.</summary>
    public const int MaxIterations = 10_000_000;

    public const string Prefix = "pbkdf2_sha256";

    /// <summary>The length of Django's salts, which give 128 bits.</summary>
    private const int SaltLength = 22;

    private const string LettersAndDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

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

    /// <summary>The iterations of PBKDF2 with SHA-256 that a verification takes; none for another or no hash.</summary>
    public static int CostOf(string? hash) =>
        hash?.Split('$') is [Prefix, var iterations, _, var digest] && DigestOf(digest) is not null
            ? IterationsOf(iterations) ?? 0
            : 0;

    /// <summary>Takes the time of a verification, so that an answer does not tell which hash there is.</summary>
    public static void Spend(int iterations)
    {
        if (iterations > 0)
        {
            Derive("", "", iterations);
        }
    }

    public override string HashPassword(User user, string password)
    {
        var salt = RandomNumberGenerator.GetString(LettersAndDigits, SaltLength);
        return $"{Prefix}${Iterations}${salt}${Convert.ToBase64String(Derive(password, salt, Iterations))}";
    }

    public override PasswordVerificationResult VerifyHashedPassword(
        User user,
        string hashedPassword,
        string providedPassword
    ) =>
        hashedPassword.Split('$') switch
        {
            [Prefix, var iterations, var salt, var hash] => VerifyDjangos(iterations, salt, hash, providedPassword),
            [_] when IsIdentitys(hashedPassword) => Replace(
                base.VerifyHashedPassword(user, hashedPassword, providedPassword)
            ),
            _ => PasswordVerificationResult.Failed,
        };

    private static PasswordVerificationResult Replace(PasswordVerificationResult result) =>
        result is PasswordVerificationResult.Success ? PasswordVerificationResult.SuccessRehashNeeded : result;

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

    private static PasswordVerificationResult VerifyDjangos(
        string iterations,
        string salt,
        string hash,
        string password
    ) =>
        IterationsOf(iterations) is not { } count || DigestOf(hash) is not { } expected
            ? PasswordVerificationResult.Failed
        : !CryptographicOperations.FixedTimeEquals(Derive(password, salt, count), expected)
            ? PasswordVerificationResult.Failed
        : count < Iterations ? PasswordVerificationResult.SuccessRehashNeeded
        : PasswordVerificationResult.Success;

    private static byte[] Derive(string password, string salt, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(
            password,
            Encoding.UTF8.GetBytes(salt),
            iterations,
            HashAlgorithmName.SHA256,
            SHA256.HashSizeInBytes
        );

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
