using Exact.Infrastructure.Database;

namespace Exact.Api.Startup;

/// <summary>Gives Development an embedded PostgreSQL if no connection string is configured.</summary>
internal static class EmbeddedDatabase
{
    /// <summary>Starts or joins the embedded server and configures its connection string; null if it is not needed.</summary>
    /// <exception cref="EmbeddedPostgresException">The server cannot run here; the message says what to do.</exception>
    public static async Task<EmbeddedPostgres?> StartEmbeddedDatabaseAsync(
        this WebApplication app,
        CancellationToken cancellationToken
    )
    {
        if (!app.Environment.IsDevelopment() || app.Configuration.GetConnectionString("Exact") is { Length: > 0 })
        {
            return null;
        }

        var server = await EmbeddedPostgres.StartAsync(
            new() { DataFolder = DevelopmentFolder.Path },
            app.Logger,
            cancellationToken
        );
        app.Configuration["ConnectionStrings:Exact"] = server.ConnectionString;
        return server;
    }
}
