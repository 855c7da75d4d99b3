using System.Security.Cryptography;
using System.Text;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>PostgreSQL's limit for names, beyond which it shortens them with only a notice.</summary>
internal static class IdentifierLength
{
    public const int MaxBytes = 63;
    private const int HashLength = 8;

    public static bool Fits(string name) => Encoding.UTF8.GetByteCount(name) <= MaxBytes;

    /// <summary>Shortens a name to fit: its beginning, and a hash of the whole that keeps it unique.</summary>
    public static string Fit(string name)
    {
        if (Fits(name))
        {
            return name;
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..HashLength];
        return $"{Cut(name, MaxBytes - HashLength - 1)}_{hash}";
    }

    /// <summary>Shortens a name to a number of bytes, as PostgreSQL does.</summary>
    public static string Cut(string name, int bytes = MaxBytes)
    {
        var length = name.Length;
        while (Encoding.UTF8.GetByteCount(name.AsSpan(0, length)) > bytes)
        {
            length -= char.IsLowSurrogate(name[length - 1]) ? 2 : 1;
        }

        return name[..length];
    }
}
