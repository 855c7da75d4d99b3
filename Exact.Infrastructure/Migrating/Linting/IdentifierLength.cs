using System.Security.Cryptography;
using System.Text;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>How long PostgreSQL lets a name be. It cuts a longer one and says so in a notice that nobody reads.</summary>
internal static class IdentifierLength
{
    public const int MaxBytes = 63;
    private const int HashLength = 8;

    public static bool Fits(string name) => Encoding.UTF8.GetByteCount(name) <= MaxBytes;

    /// <summary>A name that fits: its beginning, and a hash of the whole so that two of them do not meet.</summary>
    public static string Fit(string name)
    {
        if (Fits(name))
        {
            return name;
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..HashLength];
        return $"{Cut(name, MaxBytes - HashLength - 1)}_{hash}";
    }

    /// <summary>As much of a name as fits into a number of bytes, which is what PostgreSQL makes of it.</summary>
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
