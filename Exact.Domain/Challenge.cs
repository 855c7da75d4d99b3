namespace Exact.Domain;

/// <summary>A published competition: a dataset, a model and a method template that participants explain and are scored on.</summary>
public sealed class Challenge
{
    public long Id { get; init; }

    /// <summary>The public name, unique over all challenges. A challenge that is given none gets 32 hexadecimal digits.</summary>
    public string ChallengeId { get; init; } = Guid.NewGuid().ToString("N");

    public required string Title { get; set; }

    public string Description { get; set; } = "";

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>The user name of the organiser; <c>admin</c> unless said otherwise, as in Django's model.</summary>
    public string CreatedBy { get; init; } = "admin";

    /// <summary>From this moment on nothing more is scored; null means that the challenge stays open.</summary>
    public DateTimeOffset? ClosesOn { get; set; }

    /// <summary>The stored file's name, relative to the file store; null means that there is none. So for the other two.</summary>
    public string? Dataset { get; set; }

    public string? Mlmodel { get; set; }

    public string? Xaimethod { get; set; }
}
