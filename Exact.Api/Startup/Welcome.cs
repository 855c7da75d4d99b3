using Exact.Api.Access;
using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Options;

namespace Exact.Api.Startup;

/// <summary>Prints the first calls to try once the service is ready; only Development shows the admin key itself.</summary>
/// <remarks>
/// A process does not know its published address: <c>Welcome:Address</c> names it, and <c>Welcome:AdminKey</c> names
/// the command that prints the key. docker-compose.yml and the systemd unit set both.
/// </remarks>
internal sealed partial class Welcome(
    SchemaState state,
    IConfiguration configuration,
    IHostEnvironment environment,
    IOptionsMonitor<AdminKeyOptions> adminKey,
    ILogger<Welcome> logger
) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await state.WhenReadyAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!state.HasStarted)
        {
            return; // the service stops
        }

        var (address, note) = Address();
        var (key, howToRead) = Key();
        (string What, string How)[] lines =
        [
            ("Console", $"{address}/admin"),
            ("Try it out", $"{address}/swagger"),
            ("Admin key", howToRead),
            ("The migrations", $"curl -H \"Authorization: Bearer {key}\" {address}/api/admin/migrations"),
            (
                "Import a backup",
                $"curl -H \"Authorization: Bearer {key}\" --json @samples/backup.json {address}/api/admin/import"
            ),
            ("Export everything", $"curl -H \"Authorization: Bearer {key}\" {address}/api/admin/export"),
        ];
        if (environment.IsDevelopment())
        {
            var page = string.Join('\n', lines.Select(line => $"  {line.What, -17}  {line.How}"));
            await Console.Error.WriteLineAsync($"\nExact is ready at {address}{note}\n\n{page}\n");
            return;
        }

        LogReady(address, note);
        foreach (var (what, how) in lines)
        {
            LogHint(what, how);
        }
    }

    /// <summary>The published address. Replicas that share a range of ports do not know which one they got.</summary>
    private (string Address, string Note) Address()
    {
        var address =
            configuration["Welcome:Address"]
            ?? configuration["urls"]?.Split(';')[0]
            ?? $"http://localhost:{configuration["HTTP_PORTS"]?.Split(';')[0] ?? "5000"}";
        var port = address.LastIndexOf(':') + 1;
        return address.AsSpan(port).Contains('-')
            ? ($"{address[..port]}PORT", $", where PORT is one of {address[port..]}: docker compose ps api lists them")
            : (address, "");
    }

    private (string Key, string HowToRead) Key()
    {
        var key = adminKey.Get(AdminKeyHandler.Scheme).Key;
        if (environment.IsDevelopment() && key is not null)
        {
            return (key, key);
        }

        return (
            "KEY",
            key is null ? "none, so only members of staff are administrators: set Admin__KeyFile"
            : configuration["Welcome:AdminKey"] is { Length: > 0 } command ? command
            : configuration["Admin:KeyFile"] is { Length: > 0 } file ? $"in the file {file}"
            : "the value of Admin__Key"
        );
    }

    [LoggerMessage(1007, LogLevel.Information, "Exact is ready at {Address}{Note}")]
    private partial void LogReady(string address, string note);

    [LoggerMessage(1008, LogLevel.Information, "{What}: {How}")]
    private partial void LogHint(string what, string how);
}
