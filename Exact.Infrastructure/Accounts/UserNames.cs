using System.Text;

namespace Exact.Infrastructure.Accounts;

/// <summary>Django's rule for user names.</summary>
internal static class UserNames
{
    public const int MaxLength = 150;

    public const string Rule = "A user name has at most 150 letters, digits and the characters @ . + - _";

    /// <summary>The name as Django stores it: two ways to write <c>é</c> are one name.</summary>
    public static string Normalize(string name) => IsWellFormed(name) ? name.Normalize(NormalizationForm.FormKC) : name;

    public static bool AreAllowed(string? name) =>
        name is { Length: > 0 and <= MaxLength }
        && IsWellFormed(name)
        && name.EnumerateRunes()
            .All(rune =>
                Rune.IsLetter(rune) || Rune.IsNumber(rune) || "@.+-_".Contains($"{rune}", StringComparison.Ordinal)
            );

    /// <summary>Whether it is a string of whole characters; others cannot be normalized or stored.</summary>
    private static bool IsWellFormed(string name) => name.EnumerateRunes().All(rune => rune != Rune.ReplacementChar);
}
