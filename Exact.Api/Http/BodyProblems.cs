using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Http;

/// <summary>What to do about a body that is too large for its endpoint.</summary>
internal sealed record TooLargeAdvice(string Text);

/// <summary>What is wrong with a body that is not the JSON object that an endpoint takes.</summary>
internal static class BodyProblems
{
    /// <summary>The problem; null if the endpoint takes no JSON.</summary>
    public static ProblemDetails? Describe(HttpContext context, BadHttpRequestException exception)
    {
        var endpoint = context.Features.Get<IExceptionHandlerFeature>()?.Endpoint;
        if (
            exception.StatusCode != StatusCodes.Status400BadRequest
            || endpoint?.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes.Contains("application/json") is not true
        )
        {
            return null;
        }

        // The inner exception of an error of syntax is the reader's.
        if (exception.InnerException is JsonException { InnerException: not JsonException, Path: ['$', '.', ..] path })
        {
            var contract = endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType;
            var mistake = contract is null
                ? "The value has the wrong type."
                : JsonExpectations.Describe(contract, path[2..], Json.Options);
            var errors = new Dictionary<string, string[]> { [path[2..]] = [mistake] };
            return new HttpValidationProblemDetails(errors) { Status = exception.StatusCode };
        }

        return new ProblemDetails
        {
            Status = exception.StatusCode,
            Title = "The body cannot be read.",
            Detail = exception.InnerException
                is JsonException { LineNumber: { } line, BytePositionInLine: { } position }
                ? $"The JSON is broken, or is not an object, in line {line + 1} at byte {position + 1}. Send a JSON object."
                : "There is no JSON object in it. Send one, with the header Content-Type: application/json.",
        };
    }
}
