using Exact.Api.Admin;
using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Options;

namespace Exact.Api.Startup;

/// <summary>Tells a newcomer, once the service is ready, where to look. In Development only: it prints the admin key.</summary>
internal sealed class Welcome(
    SchemaState state,
    IConfiguration configuration,
    IOptionsMonitor<AdminKeyOptions> adminKey
) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await state.WhenReadyAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!state.IsReady)
        {
            return; // stopped before
        }

        var address = configuration["urls"]?.Split(';')[0] ?? "http://localhost:5000";
        var key = adminKey.Get(AdminKeyHandler.Scheme).Key;
        await Console.Error.WriteLineAsync(
            $"""

            Exact is ready at {address}

              Try it out         {address}/swagger
              Admin key          {key}
              The migrations     curl -H "Authorization: Bearer {key}" {address}/api/admin/migrations
              Import a backup    curl -H "Authorization: Bearer {key}" --json @backup.json {address}/api/admin/import
              Export everything  curl -H "Authorization: Bearer {key}" {address}/api/admin/export

            """
        );
    }
}
