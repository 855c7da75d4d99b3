namespace Exact.Domain;

/// <summary>The company of a user, who has at most one.</summary>
public sealed class Company
{
    public long Id { get; init; }

    public long UserId { get; init; }

    public required string Name { get; set; }

    public string? Description { get; set; }

    public string? Website { get; set; }

    public DateTimeOffset CreatedAt { get; init; }
}
