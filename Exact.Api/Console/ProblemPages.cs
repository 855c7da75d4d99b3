using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.AdminConsole;

/// <summary>
/// Shows a browser a problem as a page: the progress while the service migrates, wherever it goes, and otherwise in the
/// console, where the admin key opens what needs no schema.
/// </summary>
internal sealed class ProblemPages(SchemaState state) : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context)
    {
        var request = context.HttpContext.Request;
        return WantsPage(request)
            && (
                IsNotReady(context)
                || request.Path.StartsWithSegments("/admin")
                || request.Path.StartsWithSegments("/docs")
                || request.Path == "/"
            );
    }

    public ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var http = context.HttpContext;
        var problem = context.ProblemDetails;
        var status = problem.Status ?? http.Response.StatusCode;
        var page = (IsNotReady(context), status) switch
        {
            (true, _) => ConsolePage.Of<CalmPage>([], StatusCodes.Status503ServiceUnavailable),
            (_, StatusCodes.Status401Unauthorized) => ConsolePage.Of<SignInPage>(
                new() { [nameof(SignInPage.ReturnTo)] = PlaceOf(http.Request) },
                status
            ),
            _ => ConsolePage.Of<ErrorPage>(
                new()
                {
                    [nameof(ErrorPage.Status)] = status,
                    [nameof(ErrorPage.Title)] = problem.Title,
                    [nameof(ErrorPage.Detail)] = DetailOf(problem),
                },
                status
            ),
        };
        return new(page.ExecuteAsync(http));
    }

    /// <summary>Whether the client is a browser that shows what it gets.</summary>
    public static bool WantsPage(HttpRequest request) =>
        MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted)
        && accepted.Any(type => type.MediaType.Equals("text/html", StringComparison.OrdinalIgnoreCase));

    /// <summary>Where to go on after signing in: this page, or the page whose form this is.</summary>
    public static string PlaceOf(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method))
        {
            return $"{request.PathBase}{request.Path}{request.QueryString}";
        }

        return
            Uri.TryCreate(request.Headers.Referer, UriKind.Absolute, out var from)
            && from.Authority == request.Host.Value
            ? from.PathAndQuery
            : $"{request.PathBase}/admin";
    }

    /// <summary>Before the start only the console can sign anybody in; elsewhere a browser waits.</summary>
    private bool IsNotReady(ProblemDetailsContext context) =>
        HttpMethods.IsGet(context.HttpContext.Request.Method)
        && (
            context.ProblemDetails.Extensions.ContainsKey("progress")
            || (
                !state.HasStarted
                && context.ProblemDetails.Status is StatusCodes.Status401Unauthorized
                && !context.HttpContext.Request.Path.StartsWithSegments("/admin")
            )
        );

    private static string? DetailOf(ProblemDetails problem) =>
        problem is HttpValidationProblemDetails { Errors: var errors }
            ? string.Join(' ', errors.Select(error => $"{error.Key}: {string.Join(' ', error.Value)}"))
            : problem.Detail;
}
