using System.Buffers.Text;
using System.Globalization;
using System.Text;
using FluentValidation;
using Microsoft.AspNetCore.WebUtilities;

namespace Exact.Api;

/// <summary>The page of a list to read.</summary>
internal record PageQuery(
    [Query("limit", PageQuery.LimitDescription)] int Limit = 100,
    [Query("cursor", PageQuery.CursorDescription)] string? Cursor = null
)
{
    public const string LimitDescription = "The number of rows, from 1 to 1000; by default 100.";

    public const string CursorDescription = "The start of the page, from the `Link` header of the page before.";

    /// <summary>The numbers in the cursor; null for the first page.</summary>
    public long[]? After => Cursor is null ? null : Paging.Decode(Cursor);
}

internal class PageQueryValidator<T> : AbstractValidator<T>
    where T : PageQuery
{
    /// <param name="cursorLength">How many numbers the cursor of this list has.</param>
    public PageQueryValidator(int cursorLength)
    {
        RuleFor(page => page.Limit).InclusiveBetween(1, 1000);
        RuleFor(page => page.Cursor)
            .Must(cursor => cursor is null || Paging.Decode(cursor)?.Length == cursorLength)
            .WithMessage(
                "The cursor is not one of this list. Take it from the Link header of the page before, or leave it out."
            );
    }
}

internal sealed class KeyPageValidator() : PageQueryValidator<PageQuery>(cursorLength: 1);

/// <summary>A page is a bare array; the <c>Link</c> header has the address of the next page.</summary>
internal static class Paging
{
    /// <summary>Adds the link to the next page if this one is full, and returns the rows.</summary>
    /// <param name="context">The request for the page.</param>
    /// <param name="rows">The rows of the page.</param>
    /// <param name="page">The page to read.</param>
    /// <param name="placeOf">The numbers of a row's cursor, which are opaque to the client.</param>
    public static IReadOnlyList<T> WithNextLink<T>(
        this HttpContext context,
        IReadOnlyList<T> rows,
        PageQuery page,
        Func<T, long[]> placeOf
    )
    {
        if (rows.Count == page.Limit)
        {
            var query = context.Request.Query.Where(pair => pair.Key != "cursor");
            var path = context.Request.PathBase + context.Request.Path;
            var next = QueryHelpers.AddQueryString(path, query.Append(new("cursor", Encode(placeOf(rows[^1])))));
            context.Response.Headers.Link = $"<{next}>; rel=\"next\"";
        }

        return rows;
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

    private static string Encode(long[] place) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Join('.', place)));
}
