using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;

namespace Exact.Tests.Commands;

/// <summary>The <c>health</c> command finds the service beside it.</summary>
public sealed class HealthTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task It_asks_the_address_that_the_service_listens_on()
    {
        var url = $"http://127.0.0.1:{FreePort.Find()}";
        await using var service = ExactProcess.Serve(
            database.ConnectionString,
            new Dictionary<string, string> { ["ASPNETCORE_URLS"] = "http://127.0.0.1:1" }, // refused without root
            "--urls",
            url
        );
        await service.WaitForLogAsync("The schema is ready");
        var hidden = new Dictionary<string, string> { ["ASPNETCORE_URLS"] = "http://127.0.0.1:1" };
        await using var health = await ExactProcess.RunAsync("", hidden, "health");
        await using var told = await ExactProcess.RunAsync("", "health", "--urls", url);

        Assert.Equal("ready", health.Output);
        Assert.Equal(0, await health.WaitForExitAsync());
        Assert.Equal("ready", told.Output);
        Assert.Equal(0, await told.WaitForExitAsync());
    }

    [Fact]
    public async Task It_passes_any_proxy_by_and_speaks_HTTP_2_where_it_must()
    {
        await using var service = ExactProcess.Serve(
            database.ConnectionString,
            new Dictionary<string, string> { ["Kestrel__EndpointDefaults__Protocols"] = "Http2" }
        );
        await service.WaitForLogAsync("The schema is ready");
        await using var health = await ExactProcess.RunAsync(
            "",
            new Dictionary<string, string>
            {
                ["HTTP_PROXY"] = "http://127.0.0.1:9",
                ["ASPNETCORE_URLS"] = $"http://+:{service.Client.BaseAddress!.Port}",
            },
            "health"
        );

        Assert.Equal("ready", health.Output);
        Assert.Equal(0, await health.WaitForExitAsync());
    }

    [Fact]
    public async Task It_fails_with_one_line_where_no_service_listens()
    {
        await using var health = await ExactProcess.RunAsync(
            "",
            new Dictionary<string, string> { ["ASPNETCORE_URLS"] = "http://[::]:9" },
            "health"
        );

        Assert.Equal(1, await health.WaitForExitAsync());
        Assert.StartsWith("Exact does not listen here.", Assert.Single(health.Log.Split('\n')));
    }

    [Fact]
    public async Task A_program_that_is_started_elsewhere_reads_the_settings_beside_it()
    {
        using var checkout = new Checkout(database);

        var (_, _, log) = await checkout.RunAsync("cd / && $EXACT migrate");

        Assert.DoesNotContain("DbCommand", log, StringComparison.Ordinal);
    }
}
