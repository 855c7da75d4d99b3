using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Infrastructure.Submissions;

/// <summary>What a challenge demands of a participant's submission at one moment of the database's clock.</summary>
internal sealed record ChallengeDoor
{
    public required DateTimeOffset Now { get; init; }

    public required DateTimeOffset ResetsAt { get; init; }

    public required DateTimeOffset? OpensOn { get; init; }

    public required DateTimeOffset? ClosesOn { get; init; }

    public required int? DailyLimit { get; init; }

    public required int? TotalLimit { get; init; }

    public required long? MaxBytes { get; init; }

    public required string? AcceptedTypes { get; init; }

    public required int UsedToday { get; init; }

    public required int Used { get; init; }

    public Allowance GetAllowance() => new(DailyLimit, UsedToday, TotalLimit, Used, Now, ResetsAt);

    /// <summary>The accepted extensions, each with its dot; empty if every file is accepted.</summary>
    public IReadOnlyList<string> GetAccepted() =>
        AcceptedTypes?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    /// <summary>Reads it; null if there is no such challenge.</summary>
    public static async Task<ChallengeDoor?> FindAsync(
        ExactDbContext database,
        string challengeId,
        string username,
        CancellationToken cancellationToken
    ) =>
        (
            await database
                .Database.SqlQuery<ChallengeDoor>(
                    $"""
                    SELECT c.closes_on, r.opens_on, r.daily_limit, r.total_limit, r.max_bytes, r.accepted_types, t.now,
                        date_trunc('day', t.now, 'UTC') + interval '24 hours' AS resets_at, used.used_today, used.used
                    FROM challenges c
                    LEFT JOIN challenge_rules r ON r.challenge_id = c.challenge_id
                    CROSS JOIN LATERAL (SELECT clock_timestamp() AS now) t
                    CROSS JOIN LATERAL (
                        SELECT count(*) FILTER (WHERE s.created_at >= date_trunc('day', t.now, 'UTC'))::int AS used_today,
                            count(*)::int AS used
                        FROM scores s JOIN submissions b ON b.score_id = s.id AND b.counts
                        WHERE s.challenge_id = c.challenge_id AND s.username = {username}
                    ) used
                    WHERE c.challenge_id = {challengeId}
                    """
                )
                .ToListAsync(cancellationToken)
        ).SingleOrDefault();

    /// <summary>The largest file that is accepted, in bytes.</summary>
    public long MaxBytesOf(SubmissionOptions options) => Math.Min(MaxBytes ?? options.MaxBytes, options.MaxBytes);

    /// <summary>Why a file is not accepted; null if it is.</summary>
    /// <param name="fileName">Its name; null if it is not known yet.</param>
    /// <param name="size">It has at least this many bytes.</param>
    /// <param name="options">The limits of the service.</param>
    public Refusal? Judge(string? fileName, long size, SubmissionOptions options)
    {
        var accepted = GetAccepted();
        var isAccepted =
            fileName is null
            || accepted.Count == 0
            || accepted.Any(type => fileName.EndsWith(type, StringComparison.OrdinalIgnoreCase));
        return OpensOn > Now ? new Refusal.NotOpenYet(OpensOn.Value)
            : ClosesOn <= Now ? new Refusal.Closed(ClosesOn.Value)
            : GetAllowance() is { LeftToday: 0 } or { Left: 0 } ? new Refusal.NoneLeft(GetAllowance())
            : !isAccepted ? new Refusal.WrongType(accepted)
            : size > MaxBytesOf(options) ? new Refusal.TooLarge(MaxBytesOf(options))
            : null;
    }
}
