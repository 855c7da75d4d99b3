using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Exact.Infrastructure.Accounts;

/// <summary>A password hash as Django writes it by default: <c>pbkdf2_sha256$ITERATIONS$SALT$DIGEST</c>.</summary>
internal sealed class DjangoHash
{
    private const string Sha256 = "pbkdf2_sha256";
    private const string Sha1 = "pbkdf2_sha1";

    /// <summary>The length of Django's salts, which give 128 bits.</summary>
    private const int SaltLength = 22;

    private const string LettersAndDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private readonly string algorithm;
    private readonly string salt;
    private readonly byte[] digest;

    private DjangoHash(string algorithm, int iterations, string salt, byte[] digest) =>
        (this.algorithm, Iterations, this.salt, this.digest) = (algorithm, iterations, salt, digest);

    public int Iterations { get; }

    /// <summary>Hashes a new password.</summary>
    public static DjangoHash Create(string password, int iterations)
    {
        var salt = RandomNumberGenerator.GetString(LettersAndDigits, SaltLength);
        return new(Sha256, iterations, salt, Derive(Sha256, password, salt, iterations));
    }

    /// <summary>A hash that no known password has, and whose verification costs so much.</summary>
    public static DjangoHash OfCost(int iterations) => new(Sha256, iterations, "", new byte[SHA256.HashSizeInBytes]);

    /// <summary>Reads a hash; null if it is none, or if it would take minutes to verify.</summary>
    public static DjangoHash? Parse(string text)
    {
        if (
            text.Split('$') is not [Sha256 or Sha1, var iterations, var salt, var base64] parts
            || !int.TryParse(iterations, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            || count is < 1 or > PasswordHashes.MaxIterations
        )
        {
            return null;
        }

        var digest = new byte[SizeOf(parts[0])];
        return Convert.TryFromBase64String(base64, digest, out var length) && length == digest.Length
            ? new(parts[0], count, salt, digest)
            : null;
    }

    /// <summary>Whether this is the password.</summary>
    public bool IsOf(string password) =>
        CryptographicOperations.FixedTimeEquals(Derive(algorithm, password, salt, Iterations), digest);

    /// <summary>Whether it costs at least so many iterations of SHA-256.</summary>
    public bool IsAsStrongAs(int iterations) => algorithm == Sha256 && Iterations >= iterations;

    public override string ToString() => $"{algorithm}${Iterations}${salt}${Convert.ToBase64String(digest)}";

    private static int SizeOf(string algorithm) => algorithm == Sha256 ? SHA256.HashSizeInBytes : SHA1.HashSizeInBytes;

    private static byte[] Derive(string algorithm, string password, string salt, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(
            password,
            Encoding.UTF8.GetBytes(salt),
            iterations,
            algorithm == Sha256 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1,
            SizeOf(algorithm)
        );
}
