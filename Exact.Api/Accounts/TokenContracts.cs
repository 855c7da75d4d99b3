using Exact.Api.Access;
using FluentValidation;

namespace Exact.Api.Accounts;

/// <summary>A new personal token.</summary>
/// <param name="Name">What it is for.</param>
/// <param name="Scopes">What it may do: read, submit, evaluate, backup, admin. The last three need a member of staff.</param>
/// <param name="ExpiresAt">When it expires; null if it does not.</param>
internal sealed record TokenRequest(string Name, IReadOnlyList<string> Scopes, DateTimeOffset? ExpiresAt = null);

/// <summary>A personal token.</summary>
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
internal sealed record NewTokenResponse : TokenResponse
{
    /// <summary>What to send after <c>Authorization: Bearer</c>.</summary>
    public required string Token { get; init; }
}

internal sealed class TokenValidator : AbstractValidator<TokenRequest>
{
    public TokenValidator(TimeProvider time)
    {
        RuleFor(request => request.Name).Cascade(CascadeMode.Stop).NotEmpty().MaximumLength(100).OneLine();
        RuleFor(request => request.Scopes)
            .Must(scopes => scopes is { Count: > 0 } && scopes.All(scope => Scopes.All.Contains(scope)))
            .WithMessage($"Name at least one of {string.Join(", ", Scopes.All)}.");
        RuleFor(request => request.ExpiresAt)
            .Must(expiry => expiry is null || expiry > time.GetUtcNow())
            .WithMessage("Must be in the future.");
    }
}
