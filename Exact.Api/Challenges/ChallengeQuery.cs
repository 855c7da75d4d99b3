using System.Linq.Expressions;
using System.Text;
using FluentValidation;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Challenges;

/// <summary>The order of a list of challenges.</summary>
internal enum ChallengeSort
{
    /// <summary>The newest first; the default.</summary>
    Newest,

    /// <summary>The oldest first.</summary>
    Oldest,

    /// <summary>The next to close first; those that stay open come last.</summary>
    Closing,

    /// <summary>By title, regardless of case.</summary>
    Title,
}

/// <summary>Which challenges to list. Without a limit the list is complete, as the legacy client expects.</summary>
#nullable disable annotations // see QueryAttribute
internal sealed record ChallengeQuery(
    [Query(Name = "limit", Description = "The number of rows, from 1 to 1000; by default all.")]
        int Limit = ChallengeQuery.All,
    [Query(Name = "cursor", Description = PageQuery.CursorDescription)] string Cursor = null,
    [Query(Name = "count", Description = PageQuery.CountDescription)] bool Count = false,
    [Query(Name = "q", Description = "Words that the title, the description, the name or the organiser contains.")]
        string Q = null,
    [Query(Name = "state", Description = "Whether it takes submissions now.")] Choice<ChallengeState>? State = null,
    [Query(Name = "mine", Description = "Only those that the caller organises.")] bool Mine = false,
    [Query(Name = "sort", Description = "The order; `newest` by default.")] Choice<ChallengeSort>? Sort = null
) : IPageQuery
#nullable restore annotations
{
    public const int All = int.MaxValue;

    public const int MaxWords = 200;

    /// <summary>All challenges, the newest first.</summary>
    public static readonly ChallengeQuery Default = new();

    /// <summary>The challenges that this asks for, all pages of them.</summary>
    public IQueryable<RuledChallenge> Filter(IQueryable<RuledChallenge> challenges, string? caller)
    {
        foreach (var word in Q?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [])
        {
            var pattern = $"%{word.Replace(@"\", @"\\").Replace("%", @"\%").Replace("_", @"\_")}%";
            challenges = challenges.Where(one =>
                EF.Functions.ILike(one.Challenge.Title, pattern, @"\")
                || EF.Functions.ILike(one.Challenge.Description, pattern, @"\")
                || EF.Functions.ILike(one.Challenge.ChallengeId, pattern, @"\")
                || EF.Functions.ILike(one.Challenge.CreatedBy, pattern, @"\")
            );
        }

        challenges = State?.Value switch
        {
            ChallengeState.Closed => challenges.Where(one => one.Challenge.ClosesOn <= DateTimeOffset.UtcNow),
            ChallengeState.Upcoming => challenges
                .Where(IsNotClosed)
                .Where(one => one.Rules!.OpensOn > DateTimeOffset.UtcNow),
            ChallengeState.Open => challenges
                .Where(IsNotClosed)
                .Where(one => one.Rules!.OpensOn == null || one.Rules.OpensOn <= DateTimeOffset.UtcNow),
            _ => challenges,
        };
        return Mine ? challenges.Where(one => one.Challenge.CreatedBy == caller) : challenges;
    }

    /// <summary>The page of them.</summary>
    public IQueryable<RuledChallenge> PageOf(IQueryable<RuledChallenge> challenges)
    {
        var sorted = (Sort.OrDefault(), this.After) switch
        {
            (ChallengeSort.Oldest, [var last]) => challenges.Where(one => one.Challenge.Id > last),
            (ChallengeSort.Newest, [var last]) => challenges.Where(one => one.Challenge.Id < last),
            (ChallengeSort.Closing, [var at, var last]) => AfterClosing(challenges, TimeOf(at), last),
            (ChallengeSort.Title, [.. var title, var last]) => AfterTitle(challenges, TitleOf(title), last),
            _ => challenges,
        };
        sorted = Sort.OrDefault() switch
        {
            ChallengeSort.Oldest => sorted.OrderBy(one => one.Challenge.Id),
            ChallengeSort.Closing => sorted
                .OrderBy(one => one.Challenge.ClosesOn ?? DateTimeOffset.MaxValue)
                .ThenBy(one => one.Challenge.Id),
            ChallengeSort.Title => sorted.OrderBy(one => one.Challenge.Title.ToLower()).ThenBy(one => one.Challenge.Id),
            _ => sorted.OrderByDescending(one => one.Challenge.Id),
        };
        return Limit == All ? sorted : sorted.Take(Limit);
    }

    /// <summary>The numbers of a row's cursor.</summary>
    public long[] PlaceOf(ChallengeResponse challenge) =>
        Sort.OrDefault() switch
        {
            ChallengeSort.Closing => [(challenge.ClosesOn ?? DateTimeOffset.MaxValue).UtcTicks, challenge.Key],
            ChallengeSort.Title => [.. challenge.SortedTitle.Select(letter => (long)letter), challenge.Key],
            _ => [challenge.Key],
        };

    /// <summary>Whether these are the letters of a title that PostgreSQL can have.</summary>
    public static bool IsTitle(long[] letters) =>
        letters.All(letter => letter is > 0 and <= char.MaxValue)
        && !TitleOf(letters).EnumerateRunes().Contains(Rune.ReplacementChar); // no half of a pair

    public static bool IsTime(long ticks) =>
        ticks >= DateTimeOffset.MinValue.UtcTicks && ticks <= DateTimeOffset.MaxValue.UtcTicks;

    private static readonly Expression<Func<RuledChallenge, bool>> IsNotClosed = one =>
        one.Challenge.ClosesOn == null || one.Challenge.ClosesOn > DateTimeOffset.UtcNow;

    private static IQueryable<RuledChallenge> AfterClosing(
        IQueryable<RuledChallenge> challenges,
        DateTimeOffset time,
        long last
    ) =>
        challenges.Where(one =>
            (one.Challenge.ClosesOn ?? DateTimeOffset.MaxValue) > time
            || ((one.Challenge.ClosesOn ?? DateTimeOffset.MaxValue) == time && one.Challenge.Id > last)
        );

    private static IQueryable<RuledChallenge> AfterTitle(
        IQueryable<RuledChallenge> challenges,
        string title,
        long last
    ) =>
        challenges.Where(one =>
            string.Compare(one.Challenge.Title.ToLower(), title) > 0
            || (string.Compare(one.Challenge.Title.ToLower(), title) >= 0 && one.Challenge.Id > last)
        );

    private static string TitleOf(long[] letters) => string.Concat(letters.Select(letter => (char)letter));

    private static DateTimeOffset TimeOf(long ticks) => new(ticks, TimeSpan.Zero);
}

internal sealed class ChallengeQueryValidator : AbstractValidator<ChallengeQuery>
{
    public ChallengeQueryValidator()
    {
        RuleFor(query => query.Limit)
            .Must(limit => limit is ChallengeQuery.All or (>= 1 and <= 1000))
            .WithMessage("Must be a whole number from 1 to 1000, not {PropertyValue}.");
        RuleFor(query => query.Cursor)
            .Must((query, cursor) => cursor is null || IsPlace(query))
            .WithMessage(
                "The cursor is not one of this list. Take it from the Link header of the page before, or leave it out."
            );
        RuleFor(query => query.Q).MaximumLength(ChallengeQuery.MaxWords);
    }

    private static bool IsPlace(ChallengeQuery query) =>
        query.Sort.OrDefault() switch
        {
            ChallengeSort.Closing => query.After is [var time, _] && ChallengeQuery.IsTime(time),
            ChallengeSort.Title => query.After is [.. var title, _] && ChallengeQuery.IsTitle(title),
            _ => query.After is [_],
        };
}
