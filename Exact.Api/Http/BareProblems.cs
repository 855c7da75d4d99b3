using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Exact.Api.Http;

/// <summary>Says in a bare 404, 413 or 415 what is not there, or what to send.</summary>
internal static class BareProblems
{
    public static void Complete(ProblemDetailsContext context)
    {
        var (http, problem) = (context.HttpContext, context.ProblemDetails);
        if (problem is HttpValidationProblemDetails || problem.Detail is not null)
        {
            return;
        }

        problem.Detail = problem.Status switch
        {
            StatusCodes.Status404NotFound => FindMissing(http),
            StatusCodes.Status415UnsupportedMediaType =>
                "Send the body as JSON, with the header Content-Type: application/json.",
            StatusCodes.Status413PayloadTooLarge => DescribeLimit(http.GetEndpoint()?.Metadata),
            _ => null,
        };
    }

    /// <summary>How large a body may be, when a request was refused because of it.</summary>
    private static string? DescribeLimit(EndpointMetadataCollection? metadata) =>
        metadata?.GetMetadata<IRequestSizeLimitMetadata>()?.MaxRequestBodySize is { } limit
            ? $"The body may have at most {limit} bytes. {metadata.GetMetadata<TooLargeAdvice>()?.Text ?? "Send less."}"
            : null;

    /// <summary>Names what the last parameter of the route does not find; the segment before it is its plural.</summary>
    private static string? FindMissing(HttpContext context)
    {
        if (context.GetEndpoint() is not RouteEndpoint endpoint)
        {
            return "There is no such address. The document /openapi/v1.json lists all of them.";
        }

        var segments = endpoint.RoutePattern.PathSegments;
        for (var i = segments.Count - 1; i > 0; i--)
        {
            if (
                segments[i].Parts is [RoutePatternParameterPart parameter]
                && segments[i - 1].Parts is [RoutePatternLiteralPart plural]
            )
            {
                return $"There is no {plural.Content.TrimEnd('s')} \"{context.Request.RouteValues[parameter.Name]}\".";
            }
        }

        return null;
    }
}
