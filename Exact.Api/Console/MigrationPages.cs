using System.Runtime.CompilerServices;
using Exact.Api.Http;
using Exact.Api.Operations;
using Exact.Api.Startup;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;

namespace Exact.Api.AdminConsole;

/// <summary>The page of the migrations, the button that applies them, and their live progress.</summary>
internal static class MigrationPages
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public static void MapMigrationPages(this RouteGroupBuilder group)
    {
        var pages = group.MapGroup("/migrations").AvailableAtAnyTime();
        pages.MapGet("/", () => ConsolePage.Of<MigrationsPage>());
        pages.MapPost("/", ApplyAsync);
        pages.MapGet("/events", Watch).DisableRateLimiting();
    }

    private static async Task<IResult> ApplyAsync(HttpContext context, ConsoleMigrations migrations)
    {
        await migrations.StartAsync(context.User.Identity?.Name ?? Actors.AdminKey);
        return TypedResults.LocalRedirect($"{context.Request.PathBase}/admin/migrations");
    }

    private static ServerEvents Watch(
        HttpContext context,
        MigrationStatusReader reader,
        MigrationActivity activity,
        IHostApplicationLifetime lifetime
    ) => new("migrations", LookAsync(reader, activity, lifetime.ApplicationStopping), context.IsHead());

    /// <summary>What the page shows, whenever that may have changed.</summary>
    private static async IAsyncEnumerable<object> LookAsync(
        MigrationStatusReader reader,
        MigrationActivity activity,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        using var timer = new PeriodicTimer(Interval);
        do
        {
            var status = await reader.ReadAsync(MigrationStatusReader.AtOnce, cancellationToken);
            var session = status.LockHolder is { } holder
                ? await activity.FindAsync(holder.ProcessId, cancellationToken)
                : null;
            yield return new
            {
                status.State,
                status.Process,
                Applied = status.Applied.Count,
                Holder = status.LockHolder?.ProcessId,
                session?.Statement,
                session?.WaitsFor,
                Wedged = MigrationActivity.FindWedge(session, status.Process?.Obstacle, DateTimeOffset.UtcNow),
            };
        } while (await timer.WaitForNextTickAsync(cancellationToken));
    }
}
