using Exact.Api.Access;
using Exact.Api.Startup;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exact.Api.Migrations;

/// <summary>Shows the state of the migrations, and applies pending ones.</summary>
internal static class MigrationEndpoints
{
    private const string Sql = "application/sql";

    public static void MapMigrations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAdminGroup("/migrations").AvailableAtAnyTime();
        group.MapGet("/", GetAsync).WithSummary("Get the state of the migrations");
        group
            .MapGet("/script", ScriptAsync)
            .WithSummary("Get the pending migrations, or a range of migrations, as idempotent SQL")
            .ProducesText(Sql, "START TRANSACTION;\nALTER TABLE scores ADD COLUMN …;\nCOMMIT;\n");
        group
            .MapPost("/", ApplyAsync)
            .WithSummary("Apply the pending migrations; safe at any time")
            .ProducesProblem(StatusCodes.Status500InternalServerError);
    }

    private static async Task<Ok<MigrationStatus>> GetAsync(
        MigrationStatusReader status,
        CancellationToken cancellationToken
    ) => TypedResults.Ok(await status.ReadAsync(MigrationStatusReader.AtOnce, cancellationToken));

    private static async Task<Results<ContentHttpResult, ValidationProblem>> ScriptAsync(
        [Query(Name = "from", Description = "The migration to start after; `0` is the beginning.")] string? from,
        [Query(Name = "to", Description = "The migration to end with; by default the last.")] string? to,
        MigrationScript script,
        CancellationToken cancellationToken
    )
    {
        var unknown = new (string Option, string? Name)[] { (nameof(from), from), (nameof(to), to) }
            .Where(given => given.Name is { } name && !MigrationScript.Knows(name))
            .ToDictionary(given => given.Option, given => new[] { $"There is no migration \"{given.Name}\"." });
        return unknown.Count > 0
            ? TypedResults.ValidationProblem(unknown)
            : TypedResults.Text(
                from is null && to is null
                    ? await script.GeneratePendingAsync(cancellationToken)
                    : MigrationScript.Generate(from, to),
                Sql
            );
    }

    private static async Task<Results<Ok<MigrationStatus>, ProblemHttpResult>> ApplyAsync(
        HttpContext context,
        DatabaseMigrator migrator,
        MigrationStatusReader status,
        SchemaWatch watch,
        IHostApplicationLifetime lifetime
    )
    {
        // A caller that hangs up does not stop a migration; only the end of the service does.
        var actor = context.User.Identity?.Name ?? Actors.AdminKey;
        try
        {
            await migrator.MigrateAsync(actor, lifetime.ApplicationStopping);
        }
        catch (Exception e) when (e.GetBaseException() is PostgresException && !PostgresErrors.IsServerAway(e))
        {
            return TypedResults.Problem(
                title: "A migration failed. Its changes were taken back; the migrations before it stay.",
                detail: e.Cause(),
                statusCode: StatusCodes.Status500InternalServerError
            );
        }
        finally
        {
            await watch.ReturnAsync(lifetime.ApplicationStopping);
        }

        return TypedResults.Ok(await status.ReadAsync(MigrationStatusReader.InFull, context.RequestAborted));
    }
}
