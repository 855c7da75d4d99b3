using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// Identity's hashes, and those that came with a Django backup: <c>pbkdf2_sha256$ITERATIONS$SALT$HASH</c>. Who signs in with one of Django's gets
/// one of Identity's.
/// </summary>
internal sealed class PasswordHashes(IOptions<PasswordHasherOptions>? options = null) : PasswordHasher<User>(options)
{
    /// <summary>Django 6 has 1.2 million; ten million take seconds, and a billion would be a way to keep the service busy.</summary>
    public const int MaxIterations = 10_000_000;

    private const string Prefix = "pbkdf2_sha256";

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

    /// <summary>Identity would throw at what is none of its own, such as Django's "!" for a password that cannot be used.</summary>
    private static bool IsIdentitys(string hashedPassword)
    {
        if (!Base64.IsValid(hashedPassword))
        {
            return false;
        }

        // Version 3: a marker, the function, the iterations, the salt's length, each number in four bytes; then salt and hash.
        var bytes = Convert.FromBase64String(hashedPassword);
        return bytes is not [0x01, ..] || bytes.Length < 13 || ReadIterations(bytes) <= MaxIterations;
    }

    private static uint ReadIterations(byte[] bytes) => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(5));

    private static bool IsDjangos(string iterations, string salt, string hash, string password)
    {
        var isSound =
            int.TryParse(iterations, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            && count is > 0 and <= MaxIterations;
        Span<byte> expected = stackalloc byte[SHA256.HashSizeInBytes];
        if (!isSound || !Convert.TryFromBase64String(hash, expected, out var length) || length != expected.Length)
        {
            return false;
        }

        Span<byte> derived = stackalloc byte[SHA256.HashSizeInBytes];
        Rfc2898DeriveBytes.Pbkdf2(password, Encoding.UTF8.GetBytes(salt), derived, count, HashAlgorithmName.SHA256);
        return CryptographicOperations.FixedTimeEquals(derived, expected);
    }
}
