namespace Exact.Domain;

/// <summary>The file behind a <see cref="Score"/>, and the work of evaluating it.</summary>
public sealed class Submission
{
    public long Id { get; init; }

    /// <summary>The score, which has at most one submission.</summary>
    public long ScoreId { get; init; }

    /// <summary>The key of the stored file.</summary>
    public required string File { get; init; }

    /// <summary>The length of the file, in bytes.</summary>
    public long Size { get; init; }

    /// <summary>The SHA-256 of the file, as 64 hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    /// <summary>The name that the participant gave the file.</summary>
    public required string OriginalName { get; init; }

    /// <summary>How often a worker has begun the evaluation.</summary>
    public int Attempts { get; set; }

    /// <summary>Whether it counts against the participant's limits; not after failures that are not the participant's.</summary>
    public bool Counts { get; set; } = true;

    /// <summary>When it came into the queue, at last.</summary>
    public DateTimeOffset QueuedAt { get; set; }

    public DateTimeOffset? StartedAt { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>The end of the evaluation's output.</summary>
    public string? Log { get; set; }

    /// <summary>The token that the worker's writes must carry; it stays with the result.</summary>
    public Guid? Lease { get; set; }

    /// <summary>Until when the worker has it, by the database's clock; null while no worker has it.</summary>
    public DateTimeOffset? LeaseUntil { get; set; }

    /// <summary>The name of the worker that has it, or that ended it.</summary>
    public string? Worker { get; set; }
}
