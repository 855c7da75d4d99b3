using Exact.Api.Startup;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Admin;

/// <summary>Where the migrations stand, and applying what is pending.</summary>
internal static class MigrationEndpoints
{
    private const string Sql = "application/sql";

    public static void MapMigrations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAdminGroup("/migrations").AvailableAtAnyTime();
        group.MapGet("/", GetAsync).WithSummary("Where the migrations stand");
        group
            .MapGet("/script", ScriptAsync)
            .WithSummary("What is pending, or what leads from one migration to another, as idempotent SQL")
            .Produces<string>(contentType: Sql);
        group.MapPost("/", ApplyAsync).WithSummary("Apply what is pending; safe at any time");
    }

    private static async Task<Ok<MigrationStatus>> GetAsync(
        MigrationStatusReader status,
        CancellationToken cancellationToken
    ) => TypedResults.Ok(await status.ReadAsync(MigrationStatusReader.AtOnce, cancellationToken));

    private static async Task<Results<ContentHttpResult, ProblemHttpResult>> ScriptAsync(
        [FromQuery(Name = "from")] string? from,
        [FromQuery(Name = "to")] string? to,
        MigrationScript script,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return TypedResults.Text(
                from is null && to is null
                    ? await script.GeneratePendingAsync(cancellationToken)
                    : MigrationScript.Generate(from, to),
                Sql
            );
        }
        catch (InvalidOperationException e)
        {
            return TypedResults.Problem(e.Message, statusCode: StatusCodes.Status400BadRequest);
        }
    }

    private static async Task<Ok<MigrationStatus>> ApplyAsync(
        HttpContext context,
        DatabaseMigrator migrator,
        MigrationStatusReader status,
        IHostApplicationLifetime lifetime
    )
    {
        // A caller that hangs up does not stop a migration half-way; only the service's end does.
        await migrator.MigrateAsync(context.User.Identity?.Name ?? AdminAccess.KeyActor, lifetime.ApplicationStopping);
        return TypedResults.Ok(await status.ReadAsync(MigrationStatusReader.InFull, context.RequestAborted));
    }
}
