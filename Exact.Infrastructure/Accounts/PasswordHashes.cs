using System.Buffers.Binary;
using System.Buffers.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Accounts;

/// <summary>Writes hashes in Django's format, so that people can go back there. Verifies Django's and Identity's.</summary>
internal sealed class PasswordHashes(IOptions<PasswordHasherOptions>? options = null) : PasswordHasher<User>(options)
{
    /// <summary>The cost of a new hash, which OWASP recommends. A hash with fewer iterations is replaced at a sign-in.</summary>
    public const int Iterations = 600_000;

    /// <summary>Limits the work of a verification: ten million take seconds. Django 6 uses 1.2 million.</summary>
    public const int MaxIterations = 10_000_000;

    /// <summary>The prefixes of hashes from Django's hashers and from common libraries.</summary>
    private static readonly string[] Prefixes =
    [
        "pbkdf2_sha256$",
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
        CanBeVerified(text) || Prefixes.Any(prefix => text.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Whether Exact can verify it; Django's <c>!</c>, which matches no password, counts as well.</summary>
    public static bool CanBeVerified(string hash) =>
        hash.StartsWith('!')
        || DjangoHash.Parse(hash) is not null
        || (Base64.IsValid(hash) && Convert.FromBase64String(hash) is [0x00 or 0x01, ..] && IsIdentitys(hash));

    /// <summary>The iterations of PBKDF2 that a verification takes; none for no hash of Django's.</summary>
    public static int CostOf(string hash) => DjangoHash.Parse(hash)?.Iterations ?? 0;

    public override string HashPassword(User user, string password) =>
        DjangoHash.Create(password, Iterations).ToString();

    public override PasswordVerificationResult VerifyHashedPassword(
        User user,
        string hashedPassword,
        string providedPassword
    )
    {
        if (DjangoHash.Parse(hashedPassword) is { } hash)
        {
            return !hash.IsOf(providedPassword) ? PasswordVerificationResult.Failed
                : hash.IsAsStrongAs(Iterations) ? PasswordVerificationResult.Success
                : PasswordVerificationResult.SuccessRehashNeeded;
        }

        return
            IsIdentitys(hashedPassword)
            && base.VerifyHashedPassword(user, hashedPassword, providedPassword)
                is not PasswordVerificationResult.Failed
            ? PasswordVerificationResult.SuccessRehashNeeded
            : PasswordVerificationResult.Failed;
    }

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
}
