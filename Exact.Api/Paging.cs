using System.Buffers.Text;
using System.Globalization;
using System.Text;
using FluentValidation;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace Exact.Api;

/// <summary>Which part of a list is asked for.</summary>
/// <param name="Limit">How many rows at the most: 1 to 1000, 100 if it is not said.</param>
/// <param name="Cursor">Where to go on, as the <c>Link</c> header of the page before says it.</param>
internal record PageQuery(
    [FromQuery(Name = "limit")] int Limit = 100,
    [FromQuery(Name = "cursor")] string? Cursor = null
)
{
    /// <summary>The numbers in the cursor, or null at the beginning.</summary>
    public long[]? After => Cursor is null ? null : Paging.Decode(Cursor);
}

internal class PageQueryValidator<T> : AbstractValidator<T>
    where T : PageQuery
{
    /// <param name="cursorLength">How many numbers name a row's place in this list.</param>
    public PageQueryValidator(int cursorLength)
    {
        RuleFor(page => page.Limit).InclusiveBetween(1, 1000);
        RuleFor(page => page.Cursor)
            .Must(cursor => cursor is null || Paging.Decode(cursor)?.Length == cursorLength)
            .WithMessage(
                "This cursor is not from this list. Take it from the Link header of the page before, or leave it out."
            );
    }
}

internal sealed class KeyPageValidator() : PageQueryValidator<PageQuery>(cursorLength: 1);

/// <summary>Lists are bare arrays; the address of the next page is in the <c>Link</c> header.</summary>
internal static class Paging
{
    /// <summary>Announces the next page if this one is full, and returns it.</summary>
    /// <param name="context">The request for the page.</param>
    /// <param name="rows">The page.</param>
    /// <param name="page">What was asked for.</param>
    /// <param name="placeOf">The numbers that name a row's place in the list; opaque to the client.</param>
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

    /// <summary>The numbers of a cursor; null if it is none.</summary>
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
