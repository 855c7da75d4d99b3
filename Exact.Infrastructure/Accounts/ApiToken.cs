namespace Exact.Infrastructure.Accounts;

/// <summary>A personal token. Its secret is shown once and stored only as a hash.</summary>
public sealed class ApiToken
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public required string Name { get; init; }

    /// <summary>The SHA-256 of the secret.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>What it may be used for, such as <c>submit</c>.</summary>
    public required string[] Scopes { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Null if it does not expire.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When it was last used, to the minute.</summary>
    public DateTimeOffset? LastUsedAt { get; set; }
}
