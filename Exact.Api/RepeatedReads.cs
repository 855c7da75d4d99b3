using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Npgsql;

namespace Exact.Api;

/// <summary>
/// Reads again after the session with PostgreSQL was lost, so that a restart of the server costs no 503.
/// </summary>
/// <remarks>
/// EF Core's retry strategy would leave out what the services read without EF Core, and would also repeat writes, which
/// may have been committed.
/// </remarks>
internal static class RepeatedReads
{
    /// <summary>About as long as a server takes to start again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public static void UseRepeatedReads(this WebApplication app) => app.Use(RunAsync);

    private static async Task RunAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
            return;
        }
        catch (Exception e) when (IsRepeatable(context, e))
        {
            context.RequestServices.GetRequiredService<NpgsqlDataSource>().ForgetLost(e);
            context.RequestServices.GetRequiredService<SchemaWatch>().Doubt(e);
        }

        try
        {
            await next(context);
            return;
        }
        catch (Exception e) when (IsRepeatable(context, e))
        {
            await Task.Delay(Pause, context.RequestAborted);
            context.RequestServices.GetRequiredService<NpgsqlDataSource>().ForgetLost(e);
        }

        await next(context);
    }

    private static bool IsRepeatable(HttpContext context, Exception exception) =>
        (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
        && !context.Response.HasStarted
        && !context.RequestAborted.IsCancellationRequested
        && Sessions.MayBeRepeated(exception);
}
