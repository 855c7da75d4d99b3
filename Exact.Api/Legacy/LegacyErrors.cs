using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.WebUtilities;

namespace Exact.Api.Legacy;

/// <summary>An error as the legacy client reads it.</summary>
/// <param name="Error">What is wrong and what to do, for a person.</param>
/// <param name="Errors">What is wrong with each field; left out if the error is not about fields.</param>
/// <example>{"error": "Challenge not found"}</example>
internal sealed record LegacyError(
    string Error,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IDictionary<string, string[]>? Errors
);

/// <summary>Writes what goes wrong on a legacy route in the legacy shape, whoever has noticed it.</summary>
internal sealed class LegacyErrors : IProblemDetailsWriter
{
    /// <summary>Marks the legacy routes.</summary>
    public static readonly object Mark = new Marked();

    public bool CanWrite(ProblemDetailsContext context)
    {
        var http = context.HttpContext;
        var endpoint = http.GetEndpoint() ?? http.Features.Get<IExceptionHandlerFeature>()?.Endpoint;
        return endpoint?.Metadata.GetMetadata<Marked>() is not null;
    }

    public ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var (problem, response) = (context.ProblemDetails, context.HttpContext.Response);
        var errors = (problem as HttpValidationProblemDetails)?.Errors;
        var error =
            errors?.SelectMany(field => field.Value).FirstOrDefault()
            ?? problem.Detail
            ?? problem.Title
            ?? ReasonPhrases.GetReasonPhrase(response.StatusCode);
        return new(response.WriteAsJsonAsync(new LegacyError(error, errors), context.HttpContext.RequestAborted));
    }

    private sealed class Marked;
}
