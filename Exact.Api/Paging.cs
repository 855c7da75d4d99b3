using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Exact.Api.Challenges;
using FluentValidation;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api;

/// <summary>What all queries for a page have.</summary>
/// <remarks>Not a base record: the generator of request delegates finds only parameters that a record declares itself.</remarks>
internal interface IPageQuery
{
    int Limit { get; }

    string? Cursor { get; }

    /// <summary>Whether the list is counted. Leaderboards and scores know their length without counting.</summary>
    bool Count => false;
}

/// <summary>The page of a list to read.</summary>
#nullable disable annotations // see QueryAttribute
internal sealed record PageQuery(
    [Query(Name = "limit", Description = PageQuery.LimitDescription)] int Limit = 100,
    [Query(Name = "cursor", Description = PageQuery.CursorDescription)] string Cursor = null,
    [Query(Name = "count", Description = PageQuery.CountDescription)] bool Count = false
) : IPageQuery
#nullable restore annotations
{
    public const string LimitDescription = "The number of rows, from 1 to 1000; by default 100.";

    public const string CountDescription =
        "Whether to count the whole list for `X-Total-Count`, which costs more the longer it is.";

    public const string CursorDescription = "The start of the page, from the `Link` header of the page before.";
}

internal class PageQueryValidator<T> : AbstractValidator<T>
    where T : IPageQuery
{
    /// <param name="isPlace">Whether a row of this list can have these numbers as its place.</param>
    public PageQueryValidator(Func<long[], bool> isPlace)
    {
        RuleFor(page => page.Limit)
            .InclusiveBetween(1, 1000)
            .WithMessage("Must be a whole number from 1 to 1000, not {PropertyValue}.");
        RuleFor(page => page.Cursor)
            .Must(cursor => cursor is null || (Paging.Decode(cursor) is { } place && isPlace(place)))
            .WithMessage(
                "The cursor is not one of this list. Take it from the Link header of the page before, or leave it out."
            );
    }
}

internal sealed class KeyPageValidator() : PageQueryValidator<PageQuery>(place => place is [_]);

/// <summary>A page of a list.</summary>
/// <param name="Rows">Its rows.</param>
/// <param name="Total">How many rows the whole list has; null if that is not known.</param>
internal sealed record Page<T>(IReadOnlyList<T> Rows, long? Total);

/// <summary>
/// A page is a bare array; <c>Link</c> has the address of the next page, <c>X-Total-Count</c> the length of the list
/// where it is known or was asked for.
/// </summary>
internal static class Paging
{
    public const string TotalHeader = "X-Total-Count";

    /// <summary>The parameters that say where a page begins.</summary>
    private static readonly string[] Places = ["cursor", "around"];

    extension(IPageQuery page)
    {
        /// <summary>The numbers in the cursor; null for the first page.</summary>
        public long[]? After => page.Cursor is null ? null : Decode(page.Cursor);
    }

    /// <summary>A page with these rows. The list is counted only on request, and only if they are not all of it.</summary>
    public static async Task<Page<T>> PageOfAsync<T, TEntity>(
        this IPageQuery page,
        IReadOnlyList<T> rows,
        IQueryable<TEntity> list,
        CancellationToken cancellationToken
    ) =>
        new(
            rows,
            page.Cursor is null && rows.Count < page.Limit ? rows.Count
                : page.Count ? await list.LongCountAsync(cancellationToken)
                : null
        );

    /// <summary>Adds the headers of the page, and returns its rows.</summary>
    /// <param name="context">The request for the page.</param>
    /// <param name="page">The page.</param>
    /// <param name="query">What was asked for.</param>
    /// <param name="placeOf">The numbers of a row's cursor, which are opaque to the client.</param>
    public static IReadOnlyList<T> WithPageHeaders<T>(
        this HttpContext context,
        Page<T> page,
        IPageQuery query,
        Func<T, long[]> placeOf
    )
    {
        context.Response.Headers[TotalHeader] = page.Total?.ToString(CultureInfo.InvariantCulture);
        if (page.Rows.Count == query.Limit)
        {
            var others = context.Request.Query.Where(pair =>
                !Places.Contains(pair.Key, StringComparer.OrdinalIgnoreCase)
            );
            var next = QueryHelpers.AddQueryString(
                ChallengeName.PathOf(context),
                others.Append(new("cursor", Encode(placeOf(page.Rows[^1]))))
            );
            context.Response.Headers.Link = $"<{next}>; rel=\"next\"";
        }

        return page.Rows;
    }

    /// <summary>The numbers of a cursor; null if it is not valid.</summary>
    public static long[]? Decode(string cursor)
    {
        if (!Base64Url.IsValid(cursor))
        {
            return null;
        }

        var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split('.');
        var numbers = new long[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!long.TryParse(parts[i], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out numbers[i]))
            {
                return null;
            }
        }

        return numbers;
    }

    /// <summary>The cursor of a place.</summary>
    public static string Encode(long[] place) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Join('.', place)));
}
