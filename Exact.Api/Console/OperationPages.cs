using System.Text.Json;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Infrastructure.Operations;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.AdminConsole;

/// <summary>The pages of the journal: a list with filters, and each operation at an address of its own.</summary>
internal static class OperationPages
{
    public static void MapOperationPages(this RouteGroupBuilder group)
    {
        var pages = group.MapGroup("/operations").Validated();
        pages.MapGet("/", List);
        pages.MapGet("/{id:long}", GetAsync);
        pages.MapGet("/{id:long}/events", WatchAsync).DisableRateLimiting();
        pages.MapGet("/{id:long}/errors.csv", ErrorsAsync);
        pages.MapPost("/{id:long}/cancel", CancelAsync);
    }

    private static IResult List(
        [Query(Name = "kind", Description = "The kind of the operations.")] Choice<OperationKind>? kind,
        [Query(Name = "state", Description = "The state of the operations.")] Choice<OperationState>? state,
        [Query(Name = "before", Description = "The operation that the page begins after.")] long? before
    ) =>
        ConsolePage.Of<OperationsPage>(
            new()
            {
                [nameof(OperationsPage.Kind)] = kind?.Value,
                [nameof(OperationsPage.State)] = state?.Value,
                [nameof(OperationsPage.Before)] = before,
            }
        );

    private static async Task<IResult> GetAsync(
        long id,
        [Query(Name = "backup", Description = "The backup that a dry run has read.")] string? backup,
        OperationService operations,
        CancellationToken cancellationToken
    ) =>
        await operations.FindAsync(id, cancellationToken) is null
            ? TypedResults.NotFound()
            : ConsolePage.Of<OperationPage>(
                new() { [nameof(OperationPage.Id)] = id, [nameof(OperationPage.Backup)] = backup }
            );

    private static async Task<Results<ServerEvents, NotFound>> WatchAsync(
        long id,
        OperationService operations,
        HttpContext context,
        IHostApplicationLifetime lifetime,
        CancellationToken cancellationToken
    ) =>
        await operations.FindAsync(id, cancellationToken) is { } operation
            ? new ServerEvents(
                OperationEndpoints.EventName,
                operations.WatchAsync(operation, lifetime.ApplicationStopping),
                context.IsHead()
            )
            : TypedResults.NotFound();

    private static async Task<IResult> CancelAsync(
        long id,
        OperationService operations,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        await operations.CancelAsync(id, context.User.Identity!.Name!, cancellationToken);
        return TypedResults.LocalRedirect($"{context.Request.PathBase}/admin/operations/{id}");
    }

    private static async Task<IResult> ErrorsAsync(
        long id,
        OperationService operations,
        CancellationToken cancellationToken
    )
    {
        if (await operations.FindAsync(id, cancellationToken) is not { } operation)
        {
            return TypedResults.NotFound();
        }

        var csv = new CsvLines<ErrorLine>();
        return TypedResults.Bytes(
            [.. csv.Header(), .. ErrorLine.Of(operation).SelectMany(csv.Line)],
            "text/csv; charset=utf-8",
            $"errors-{id}.csv"
        );
    }
}

/// <summary>An error of an import, as a line of a table.</summary>
internal sealed record ErrorLine(long? Line, string? Model, long? Pk, string? Field, string Reason)
{
    /// <summary>The errors that the journal has kept of an import.</summary>
    public static IEnumerable<ErrorLine> Of(OperationResponse operation) =>
        operation.Figures is { } figures && figures.TryGetProperty("errors", out var errors)
            ? errors
                .EnumerateArray()
                .Select(error => new ErrorLine(
                    Number(error, "line"),
                    Text(error, "model"),
                    Number(error, "pk"),
                    Text(error, "field"),
                    Text(error, "detail") ?? ""
                ))
            : [];

    private static long? Number(JsonElement error, string name) =>
        error.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Number ? value.GetInt64() : null;

    private static string? Text(JsonElement error, string name) =>
        error.TryGetProperty(name, out var value) ? value.GetString() : null;
}
