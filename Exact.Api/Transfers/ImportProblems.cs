using Exact.Api.Operations;
using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.Transfers;

/// <summary>The problem documents of an import that did not succeed.</summary>
internal static class ImportProblems
{
    public static ProblemHttpResult NotAFixture(FixtureError error) =>
        WithErrors(
            StatusCodes.Status400BadRequest,
            "The file is not a fixture. Nothing was changed.",
            error.Describe(),
            [error],
            count: 1
        );

    public static ProblemHttpResult Rejected(ImportOutcome.Rejected rejected) =>
        WithErrors(
            StatusCodes.Status422UnprocessableEntity,
            "The fixture has errors. Nothing was changed.",
            rejected.Summary,
            rejected.Errors,
            rejected.ErrorCount,
            rejected.Orphans
        );

    public static ProblemHttpResult AlreadyRunning(HttpContext context, long? operation)
    {
        var address = operation is { } id ? OperationEndpoints.AddressOf(context, id) : null;
        context.Response.Headers.Location = address;
        return TypedResults.Problem(
            statusCode: StatusCodes.Status409Conflict,
            title: "Another import is running.",
            detail: operation is null
                ? "Wait until it ends, and send this request again."
                : $"Wait until operation {operation} ends, or cancel it, and send this request again.",
            extensions: new Dictionary<string, object?> { ["operation"] = address }
        );
    }

    public static ProblemHttpResult Blocked(ImportOutcome.Blocked blocked) =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status409Conflict,
            title: "The database is busy.",
            detail: $"{blocked.Detail} Send this request again."
        );

    public static ProblemHttpResult UploadStalled(ImportOutcome.Stalled stalled) =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status408RequestTimeout,
            title: "The upload stopped.",
            detail: $"{stalled.Detail} Send it again, over a slow connection with the header \"Prefer: respond-async\"."
        );

    public static ProblemHttpResult DjangoStalled(ImportOutcome.Stalled stalled) =>
        DjangoBadGateway("The Django database stopped answering.", stalled.Detail);

    public static ProblemHttpResult DjangoFailed(string detail) =>
        DjangoBadGateway("The Django database cannot be imported.", detail);

    public static ProblemHttpResult DjangoSwitchedOff() =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status403Forbidden,
            title: "Import from a live Django database is switched off.",
            detail: $"To allow it, set Transfers:Django on the server. It {DjangoAddress.Expected}."
        );

    public static ProblemHttpResult DjangoTakesNoBody(DjangoAddress address) =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status400BadRequest,
            title: "This import takes no body.",
            detail: $"It reads {address}, as Transfers:Django says. To import a fixture, send it to /api/admin/import."
        );

    private static ProblemHttpResult DjangoBadGateway(string title, string detail) =>
        TypedResults.Problem(statusCode: StatusCodes.Status502BadGateway, title: title, detail: detail);

    private static ProblemHttpResult WithErrors(
        int status,
        string title,
        string detail,
        IReadOnlyList<FixtureError> errors,
        long count,
        IReadOnlyDictionary<string, long>? orphans = null
    ) =>
        TypedResults.Problem(
            statusCode: status,
            title: title,
            detail: detail,
            extensions: new Dictionary<string, object?>
            {
                ["error_count"] = count,
                ["errors"] = errors,
                ["orphans"] = orphans is { Count: > 0 } ? orphans : null,
            }
        );
}
