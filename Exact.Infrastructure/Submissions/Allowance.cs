namespace Exact.Infrastructure.Submissions;

/// <summary>How many submissions a participant still has in a challenge.</summary>
/// <param name="DailyLimit">How many there are each day, in UTC; null if there is no limit.</param>
/// <param name="UsedToday">How many of today's submissions count.</param>
/// <param name="TotalLimit">How many there are in all; null if there is no limit.</param>
/// <param name="Used">How many submissions count.</param>
/// <param name="Now">The database's time.</param>
/// <param name="ResetsAt">When the next day begins.</param>
internal sealed record Allowance(
    int? DailyLimit,
    int UsedToday,
    int? TotalLimit,
    int Used,
    DateTimeOffset Now,
    DateTimeOffset ResetsAt
)
{
    /// <summary>Null if there is no daily limit.</summary>
    public int? LeftToday => LeftOf(DailyLimit, UsedToday);

    /// <summary>Null if there is no limit in all.</summary>
    public int? Left => LeftOf(TotalLimit, Used);

    /// <summary>The same as a sentence, such as <c>2 of 5 left today, resets at 00:00 UTC</c>.</summary>
    public string Summary =>
        (LeftToday, Left) switch
        {
            (null, null) => "no limit",
            (_, 0) => $"0 of {TotalLimit} left",
            ({ } today, null) => $"{today} of {DailyLimit} left today, resets at 00:00 UTC",
            (null, { } left) => $"{left} of {TotalLimit} left",
            ({ } today, { } left) =>
                $"{today} of {DailyLimit} left today, resets at 00:00 UTC; {left} of {TotalLimit} left in all",
        };

    private static int? LeftOf(int? limit, int used) => limit is { } most ? Math.Max(0, most - used) : null;
}

/// <summary>Why a submission is not accepted.</summary>
internal abstract record Refusal
{
    public sealed record NoChallenge : Refusal;

    public sealed record NotOpenYet(DateTimeOffset OpensOn) : Refusal;

    public sealed record Closed(DateTimeOffset ClosesOn) : Refusal;

    public sealed record NoneLeft(Allowance Allowance) : Refusal;

    /// <param name="MaxBytes">The most that is accepted.</param>
    public sealed record TooLarge(long MaxBytes) : Refusal;

    /// <param name="Accepted">The accepted extensions.</param>
    public sealed record WrongType(IReadOnlyList<string> Accepted) : Refusal;
}
