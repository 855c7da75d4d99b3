using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Api.Http;

/// <summary>The pool that the reads of a request use: the primary's, or for public reads the standbys'.</summary>
/// <remarks>
/// Only callers who are not signed in are sent to a standby (<see cref="DatabaseOptions.ReadFromStandbys"/>): everybody
/// else may have written something, and wants to see it.
/// </remarks>
internal sealed class PublicReads(NpgsqlDataSource primary, ExactDbContext database)
{
    private NpgsqlDataSource? standbys;

    /// <summary>The pool for reads without <see cref="ExactDbContext"/>.</summary>
    public NpgsqlDataSource Source => standbys ?? primary;

    /// <summary>The pool of this request from now on; null is the primary's.</summary>
    public void Choose(NpgsqlDataSource? other)
    {
        standbys = other;
        // Without a connection the context opens one with the pool that it is configured with.
        database.Database.SetDbConnection(other?.CreateConnection(), contextOwnsConnection: other is not null);
    }
}

internal static class StandbyReads
{
    private static readonly object Mark = new();

    /// <summary>Marks an endpoint that only reads what everybody may see.</summary>
    public static T MayReadFromStandbys<T>(this T endpoint)
        where T : IEndpointConventionBuilder => endpoint.WithMetadata(Mark);

    public static void UseStandbyReads(this WebApplication app)
    {
        // Later: Development starts the database, and so knows its address, only when everything is set up.
        var standbys = new Lazy<NpgsqlDataSource?>(() => FindStandbys(app.Services));
        app.Use((context, next) => RunAsync(standbys, context, next));
    }

    /// <summary>The pool of the standbys; null if public reads go to the primary like all others.</summary>
    private static NpgsqlDataSource? FindStandbys(IServiceProvider services) =>
        services.GetRequiredService<DatabaseSettings>().ReadsFromStandbys
            ? ((NpgsqlMultiHostDataSource)services.GetRequiredService<NpgsqlDataSource>()).WithTargetSession(
                TargetSessionAttributes.PreferStandby
            )
            : null;

    private static async Task RunAsync(Lazy<NpgsqlDataSource?> pool, HttpContext context, RequestDelegate next)
    {
        var isPublic = context.GetEndpoint()?.Metadata.Contains(Mark) is true;
        if (!isPublic || context.User.Identity?.IsAuthenticated is true || pool.Value is not { } standbys)
        {
            await next(context);
            return;
        }

        var reads = context.RequestServices.GetRequiredService<PublicReads>();
        reads.Choose(standbys);
        try
        {
            await next(context);
            return;
        }
        catch (Exception e) when (PostgresErrors.FaultOf(e) is not null && !context.Response.HasStarted)
        {
            // The standby may be gone, hold the query up, or lack a migration. The primary is asked instead.
        }
        finally
        {
            reads.Choose(null);
        }

        await next(context);
    }
}
