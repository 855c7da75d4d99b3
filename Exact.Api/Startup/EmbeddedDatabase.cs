using Exact.Infrastructure.Database;

namespace Exact.Api.Startup;

/// <summary>Nothing to configure on a laptop: in Development, no connection string means an embedded PostgreSQL.</summary>
internal static class EmbeddedDatabase
{
    /// <summary>Where the embedded server keeps its data, and Development its admin key.</summary>
    public static string FolderOf(IHostEnvironment environment) => Path.Combine(environment.ContentRootPath, ".exact");

    /// <summary>Starts it, or joins the one that runs, and configures its connection string; null where it is not wanted.</summary>
    /// <exception cref="EmbeddedPostgresException">It cannot run here; the message tells the ways out.</exception>
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
            new() { DataFolder = FolderOf(app.Environment) },
            app.Logger,
            cancellationToken
        );
        app.Configuration["ConnectionStrings:Exact"] = server.ConnectionString;
        return server;
    }
}
