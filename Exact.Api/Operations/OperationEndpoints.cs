using Exact.Api.Access;
using Exact.Api.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.Operations;

/// <summary>Shows the journal, and cancels what is running.</summary>
internal static class OperationEndpoints
{
    public const string EventName = "operation";

    public static IServiceCollection AddOperations(this IServiceCollection services) =>
        services.AddScoped<OperationService>().AddScoped<ChangeJournal>();

    public static void MapOperations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAdminGroup("/operations").Validated();
        group
            .MapGet("/", ListAsync)
            .WithSummary(
                "List migrations, imports, exports, backups, and changes by organisers and staff, newest first"
            )
            .ProducesValidationProblem();
        group.MapGet("/{id:long}", GetAsync).WithSummary("Get the progress or the result of an operation");
        group
            .MapGet("/{id:long}/events", WatchAsync)
            .WithSummary("Follow an operation as server-sent events until it ends")
            .Produces<OperationResponse>(contentType: ServerEvents.ContentType)
            .DisableRateLimiting(); // a watcher costs little, and may watch for hours
        group
            .MapDelete("/{id:long}", CancelAsync)
            .WithSummary("Cancel a running import or export, on any replica")
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    /// <summary>The address of an operation.</summary>
    public static string AddressOf(HttpContext context, long id) =>
        $"{context.Request.PathBase}/api/admin/operations/{id}";

    private static async Task<Ok<IReadOnlyList<OperationResponse>>> ListAsync(
        [AsParameters] PageQuery page,
        OperationService operations,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        TypedResults.Ok(
            context.WithPageHeaders(
                await operations.ListAsync(page, cancellationToken),
                page,
                operation => [operation.Id]
            )
        );

    private static async Task<Results<Ok<OperationResponse>, NotFound>> GetAsync(
        long id,
        OperationService operations,
        CancellationToken cancellationToken
    ) =>
        await operations.FindAsync(id, cancellationToken) is { } operation
            ? TypedResults.Ok(operation)
            : TypedResults.NotFound();

    private static async Task<Results<ServerEvents, NotFound>> WatchAsync(
        long id,
        OperationService operations,
        HttpContext context,
        IHostApplicationLifetime lifetime,
        CancellationToken cancellationToken
    )
    {
        if (await operations.FindAsync(id, cancellationToken) is not { } operation)
        {
            return TypedResults.NotFound();
        }

        // Events end when the service stops. The client reconnects by itself, to another replica.
        var news = operations.WatchAsync(operation, lifetime.ApplicationStopping);
        return new ServerEvents(EventName, news, context.IsHead());
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
                detail: $"Its state is {operation.State.ToString().ToLowerInvariant()}, so there is nothing to cancel."
            ),
        };
}
