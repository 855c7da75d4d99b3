using Exact.Api.Access;
using FluentValidation;

namespace Exact.Api.Accounts;

/// <summary>A new personal token.</summary>
/// <param name="Name">What it is for.</param>
/// <param name="Scopes">What it may do: read, submit, evaluate, backup, admin. The last three need a member of staff.</param>
/// <param name="ExpiresAt">When it expires; null if it does not.</param>
/// <example>{"name": "laptop", "scopes": ["read", "submit"], "expires_at": "2099-12-31T00:00:00Z"}</example>
internal sealed record TokenRequest(string Name, IReadOnlyList<string> Scopes, DateTimeOffset? ExpiresAt = null);

/// <summary>A personal token.</summary>
/// <example>
/// {"id": 3, "name": "laptop", "scopes": ["read", "submit"], "created_at": "2026-11-26T09:00:00Z",
/// "expires_at": "2099-12-31T00:00:00Z", "last_used_at": null}
/// </example>
internal record TokenResponse
{
    public required long Id { get; init; }

    public required string Name { get; init; }

    public required IReadOnlyList<string> Scopes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it expires; null if it does not.</summary>
    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When it was last used, to the minute; null if it never was.</summary>
    public required DateTimeOffset? LastUsedAt { get; init; }
}

/// <summary>A personal token with its secret, which is shown once.</summary>
/// <example>
/// {"token": "exact_pat_0123456789ABCDEFGHIJKLMNOPQRST4PMbyp", "id": 3, "name": "laptop", "scopes": ["read", "submit"],
/// "created_at": "2026-11-26T09:00:00Z", "expires_at": "2099-12-31T00:00:00Z", "last_used_at": null}
/// </example>
internal sealed record NewTokenResponse : TokenResponse
{
    /// <summary>What to send after <c>Authorization: Bearer</c>.</summary>
    public required string Token { get; init; }
}

internal sealed class TokenValidator : AbstractValidator<TokenRequest>
{
    private static readonly string Rule =
        $"Give one or more of the scopes {string.Join(", ", Scopes.All)}, and no other.";

    public TokenValidator(TimeProvider time)
    {
        RuleFor(request => request.Name).Cascade(CascadeMode.Stop).NotEmpty().MaximumLength(100).OneLine();
        RuleFor(request => request.Scopes)
            .Cascade(CascadeMode.Stop)
            .NotEmpty()
            .WithMessage(Rule)
            .Must(scopes => scopes.All(scope => Scopes.All.Contains(scope)))
            .WithMessage(Rule);
        RuleFor(request => request.ExpiresAt)
            .Must(expiry => expiry is null || expiry > time.GetUtcNow())
            .WithMessage("Must be in the future.");
    }
}
