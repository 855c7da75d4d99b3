using Microsoft.AspNetCore.Identity;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// Compares names with case, because in Django <c>Ada</c> and <c>ada</c> are two users; e-mail addresses without case,
/// as in Identity.
/// </summary>
internal sealed class CaseSensitiveNames : ILookupNormalizer
{
    public string? NormalizeName(string? name) => name;

    public string? NormalizeEmail(string? email) => email?.ToUpperInvariant();
}
