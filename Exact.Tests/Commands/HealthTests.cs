using System.Runtime.Versioning;
using Exact.Api.Http;
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
    public async Task It_asks_every_service_of_its_environment_and_they_leave_nothing_behind()
    {
        var url = $"http://127.0.0.1:{FreePort.Find()}";
        var environment = new Dictionary<string, string> { ["ASPNETCORE_URLS"] = "http://127.0.0.1:1" };
        environment["ASPNETCORE_HTTP_PORTS"] = $"{FreePort.Find()}"; // no other test has it
        await using var ready = ExactProcess.Serve(database.ConnectionString, environment, "--urls", url);
        await using var waiting = ExactProcess.Serve(
            "Host=127.0.0.1;Port=1;Username=exact",
            environment,
            "--urls",
            $"http://127.0.0.1:{FreePort.Find()}"
        );
        await ready.WaitForLogAsync("The schema is ready");
        await waiting.WaitForLogAsync("Now listening on");
        await using var both = await ExactProcess.RunAsync("", environment, "health");
        await waiting.SignalAsync("TERM");
        await waiting.WaitForExitAsync();
        await using var one = await ExactProcess.RunAsync("", environment, "health");
        await ready.SignalAsync("TERM");
        await ready.WaitForExitAsync();

        Assert.Equal(1, await both.WaitForExitAsync());
        Assert.Contains("ready\n", $"{both.Output}\n");
        Assert.Equal((0, "ready"), (await one.WaitForExitAsync(), one.Output));
        Assert.All(
            Directory.Exists(ListeningAddresses.Folder) ? Directory.GetFiles(ListeningAddresses.Folder) : [],
            file => Assert.DoesNotContain(url, File.ReadAllText(file))
        );
    }

    [Fact, UnsupportedOSPlatform("windows")]
    public void It_believes_no_folder_to_which_another_account_can_write()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has a temporary folder for each account.");
        var folder = Directory.CreateTempSubdirectory("exact-planted-").FullName;
        var link = Path.Combine(folder, "link");
        var own = Path.Combine(folder, "own");
        PrivateFiles.CreateClosedFolder(own);
        Directory.CreateSymbolicLink(link, own);
        try
        {
            Assert.True(ListeningAddresses.IsOwn(own));
            Assert.False(ListeningAddresses.IsOwn(link));
            File.SetUnixFileMode(own, (UnixFileMode)0b111_111_111);
            Assert.False(ListeningAddresses.IsOwn(own));
            Assert.False(ListeningAddresses.IsOwn(Path.Combine(folder, "none")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
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
