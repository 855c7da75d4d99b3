using System.Globalization;
using System.Text;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Infrastructure.Accounts;

/// <summary>Django's rule for user names, with the marks that many scripts write their vowels with.</summary>
internal static class UserNames
{
    public const int MaxLength = 150;

    public const string Rule = "A user name has at most 150 letters, digits and the characters @ . + - _";

    /// <summary>The name as Django stores it: two ways to write <c>é</c> are one name.</summary>
    /// <remarks>PostgreSQL does it, because .NET normalizes nothing without the ICU library.</remarks>
    public static async Task<string> NormalizeAsync(
        ExactDbContext database,
        string name,
        CancellationToken cancellationToken
    ) =>
        Ascii.IsValid(name)
            ? name
            : await database
                .Database.SqlQuery<string>($"""SELECT normalize({name}, NFKC) AS "Value" """)
                .SingleAsync(cancellationToken);

    public static bool AreAllowed(string? name) =>
        name is { Length: > 0 and <= MaxLength }
        && name.EnumerateRunes()
            .All(rune =>
                Rune.IsLetter(rune)
                || Rune.IsNumber(rune)
                || IsMark(rune)
                || "@.+-_".Contains($"{rune}", StringComparison.Ordinal)
            );

    private static bool IsMark(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
}
