using System.Text.RegularExpressions;

namespace Exact.Infrastructure.Accounts;

/// <summary>The rule for new email addresses. Only a message to it could tell whether one exists.</summary>
internal static partial class EmailAddresses
{
    public const int MaxLength = 254;

    public const string Rule = "An email address has at most 254 characters and the form name@example.org";

    public static bool AreAllowed(string? address) =>
        address is { Length: > 0 and <= MaxLength } && Form().IsMatch(address);

    [GeneratedRegex(@"^[^\s\p{C}@""<>(),:;\\]+@[^\s\p{C}@""<>(),:;\\.]+(\.[^\s\p{C}@""<>(),:;\\.]+)*\z")]
    private static partial Regex Form();
}
