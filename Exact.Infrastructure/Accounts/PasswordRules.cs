using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Identity;

namespace Exact.Infrastructure.Accounts;

/// <summary>Django's validators of new passwords: the length, the digits, and the likeness to the account.</summary>
internal sealed partial class PasswordRules : IPasswordValidator<User>
{
    public const int MinLength = 8;

    /// <summary>A longer one would only cost time.</summary>
    public const int MaxLength = 4096;

    /// <summary>How much of a password and a name may be the same characters, in any order.</summary>
    private const double MaxLikeness = 0.7;

    public Task<IdentityResult> ValidateAsync(UserManager<User> manager, User user, string? password)
    {
        var mistakes = FindMistakes(user, password ?? "")
            .Select(mistake => new IdentityError { Code = nameof(PasswordRules), Description = mistake })
            .ToArray();
        return Task.FromResult(mistakes is [] ? IdentityResult.Success : IdentityResult.Failed(mistakes));
    }

    private static IEnumerable<string> FindMistakes(User user, string password)
    {
        var length = password.EnumerateRunes().Count();
        if (length < MinLength)
        {
            yield return $"The password is too short: use at least {MinLength} characters.";
        }

        if (length > MaxLength)
        {
            yield return $"The password is too long: use at most {MaxLength} characters.";
        }

        if (password.Length > 0 && password.EnumerateRunes().All(Rune.IsDigit))
        {
            yield return "The password has only digits: use letters or other characters, too.";
        }

        foreach (var (what, value) in new[] { ("user name", user.UserName), ("email address", user.Email) })
        {
            if (length <= MaxLength && IsLike(password, value))
            {
                yield return $"The password is too similar to the {what}.";
            }
        }
    }

    /// <summary>Compares it with the whole value and with its words, as Django does.</summary>
    private static bool IsLike(string password, string? value) =>
        value is { Length: > 0 }
        && NotOfWords()
            .Split(value)
            .Append(value)
            .Where(part => part.Length > 0 && !IsMuchLonger(password, part))
            .Any(part => LikenessOf(password.ToLowerInvariant(), part.ToLowerInvariant()) >= MaxLikeness);

    private static bool IsMuchLonger(string password, string part) =>
        password.Length >= 10 * part.Length && part.Length < MaxLikeness / 2 * password.Length;

    /// <summary>The share of common characters, which Python's <c>SequenceMatcher.quick_ratio</c> gives.</summary>
    private static double LikenessOf(string one, string other)
    {
        var left = other.CountBy(character => character).ToDictionary();
        var common = one.CountBy(character => character)
            .Sum(each => Math.Min(each.Value, left.GetValueOrDefault(each.Key)));
        return 2.0 * common / (one.Length + other.Length);
    }

    [GeneratedRegex(@"\W+")]
    private static partial Regex NotOfWords();
}
