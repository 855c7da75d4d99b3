using Exact.Api.Startup;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exact.Api.Admin;

/// <summary>Where the migrations stand, and applying what is pending.</summary>
internal static class MigrationEndpoints
{
    public static void MapMigrations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAdminGroup("/migrations").AvailableAtAnyTime();
        group.MapGet("/", GetAsync).WithSummary("Where the migrations stand");
        group.MapPost("/", ApplyAsync).WithSummary("Apply what is pending; safe at any time");
    }

    private static async Task<Ok<MigrationStatus>> GetAsync(
        MigrationStatusReader status,
        CancellationToken cancellationToken
    ) => TypedResults.Ok(await status.ReadAsync(MigrationStatusReader.AtOnce, cancellationToken));

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
