using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.Admin;

/// <summary>The journal: what runs, what ran, and how it ended.</summary>
internal static class OperationEndpoints
{
    public static IServiceCollection AddOperations(this IServiceCollection services) =>
        services.AddScoped<OperationService>();

    public static void MapOperations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAdminGroup("/operations").Validated();
        group
            .MapGet("/", ListAsync)
            .WithSummary("Migrations, imports and exports, the newest first")
            .ProducesValidationProblem();
        group.MapGet("/{id:long}", GetAsync).WithSummary("How far an operation is, or how it ended");
        group
            .MapGet("/{id:long}/events", WatchAsync)
            .WithSummary("The same as server-sent events, whenever it has changed, until it has ended");
        group
            .MapDelete("/{id:long}", CancelAsync)
            .WithSummary("Cancel an import or an export that runs, on whichever replica")
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    /// <summary>Where an operation is to be found.</summary>
    public static string AddressOf(HttpContext context, long id) =>
        $"{context.Request.PathBase}/api/admin/operations/{id}";

    private static async Task<Ok<IReadOnlyList<OperationResponse>>> ListAsync(
        [AsParameters] PageQuery page,
        OperationService operations,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        TypedResults.Ok(
            context.WithNextLink(await operations.ListAsync(page, cancellationToken), page, operation => [operation.Id])
        );

    private static async Task<Results<Ok<OperationResponse>, NotFound>> GetAsync(
        long id,
        OperationService operations,
        CancellationToken cancellationToken
    ) =>
        await operations.FindAsync(id, cancellationToken) is { } operation
            ? TypedResults.Ok(operation)
            : TypedResults.NotFound();

    private static async Task<Results<ServerSentEventsResult<OperationResponse>, NotFound>> WatchAsync(
        long id,
        OperationService operations,
        IHostApplicationLifetime lifetime,
        CancellationToken cancellationToken
    )
    {
        if (await operations.FindAsync(id, cancellationToken) is not { } operation)
        {
            return TypedResults.NotFound();
        }

        // A watcher must not keep a service that is told to stop; it comes back by itself, to another replica.
        return TypedResults.ServerSentEvents(operations.WatchAsync(operation, lifetime.ApplicationStopping));
    }

    private static async Task<Results<Accepted<OperationResponse>, NotFound, ProblemHttpResult>> CancelAsync(
        long id,
        OperationService operations,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await operations.CancelAsync(id, context.User.Identity!.Name!, cancellationToken) switch
        {
            null => TypedResults.NotFound(),
            (true, var operation) => TypedResults.Accepted(AddressOf(context, id), operation),
            (false, var operation) => TypedResults.Problem(
                statusCode: StatusCodes.Status409Conflict,
                title: "The operation has ended.",
                detail: $"It has {operation.State.ToString().ToLowerInvariant()}."
            ),
        };
}
