namespace Exact.Domain;

/// <summary>A competition: participants explain a model on a dataset with a method, and are scored.</summary>
public sealed class Challenge
{
    public long Id { get; init; }

    /// <summary>The public name, unique among all challenges; 32 random hexadecimal digits by default.</summary>
    public string ChallengeId { get; init; } = Guid.NewGuid().ToString("N");

    public required string Title { get; set; }

    public string Description { get; set; } = "";

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The user name of the organiser; <c>admin</c> by default, as in Django's model.</summary>
    public string CreatedBy { get; init; } = "admin";

    /// <summary>When the challenge closes; null if it stays open.</summary>
    public DateTimeOffset? ClosesOn { get; set; }

    /// <summary>The path of the dataset's file, relative to the file store; null if there is none.</summary>
    public string? Dataset { get; set; }

    /// <summary>The path of the model's file, relative to the file store; null if there is none.</summary>
    public string? Mlmodel { get; set; }

    /// <summary>The path of the method template's file, relative to the file store; null if there is none.</summary>
    public string? Xaimethod { get; set; }
}
