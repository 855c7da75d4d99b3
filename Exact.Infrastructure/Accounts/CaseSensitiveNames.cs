using Microsoft.AspNetCore.Identity;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// Django tells <c>Ada</c> and <c>ada</c> apart, so a backup may hold both: names are compared as they are.
/// E-mail addresses are compared without case, as Identity does.
/// </summary>
internal sealed class CaseSensitiveNames : ILookupNormalizer
{
    public string? NormalizeName(string? name) => name;

    public string? NormalizeEmail(string? email) => email?.ToUpperInvariant();
}
