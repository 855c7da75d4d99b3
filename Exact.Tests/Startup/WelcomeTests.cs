using Exact.Tests.Support;

namespace Exact.Tests.Startup;

/// <summary>What the last log lines of a service that is ready tell a newcomer.</summary>
public sealed class WelcomeTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task The_containers_last_lines_tell_the_address_how_to_read_the_key_and_what_to_do_next()
    {
        await using var service = ExactProcess.Serve(
            database.ConnectionString,
            new Dictionary<string, string>
            {
                ["Welcome__Address"] = "http://localhost:8123",
                ["Welcome__AdminKey"] = "docker compose exec api cat /run/secrets/admin_key",
            }
        );
        await service.WaitForLogAsync("Export everything: ");

        Assert.Contains("Exact is ready at http://localhost:8123\n", service.Log);
        Assert.Contains("Admin key: docker compose exec api cat /run/secrets/admin_key\n", service.Log);
        Assert.Contains("--json @samples/backup.json http://localhost:8123/api/admin/import\n", service.Log);
        Assert.DoesNotContain(ExactApp.AdminKey, service.Log);
    }

    [Fact]
    public async Task Replicas_that_share_a_range_of_ports_tell_where_to_look_the_port_up()
    {
        await using var service = ExactProcess.Serve(
            database.ConnectionString,
            new Dictionary<string, string> { ["Welcome__Address"] = "http://localhost:8000-8003" }
        );
        await service.WaitForLogAsync("Export everything: ");

        Assert.Contains(
            "ready at http://localhost:PORT, where PORT is one of 8000-8003: docker compose ps api",
            service.Log
        );
        Assert.Contains("Admin key: the value of Admin__Key\n", service.Log);
    }

    [Fact]
    public async Task Development_prints_the_key_itself()
    {
        await using var service = ExactProcess.Serve(
            database.ConnectionString,
            new Dictionary<string, string> { ["ASPNETCORE_ENVIRONMENT"] = "Development" }
        );
        await service.WaitForLogAsync("Export everything");

        Assert.Contains($"Admin key          {ExactApp.AdminKey}\n", service.Log);
    }

    [Fact]
    public async Task The_log_of_Development_has_the_time_the_level_and_the_message()
    {
        await using var service = ExactProcess.Serve(
            database.ConnectionString,
            new Dictionary<string, string> { ["ASPNETCORE_ENVIRONMENT"] = "Development" }
        );
        await service.WaitForLogAsync("The schema is ready");

        Assert.Matches(@"(?m)^\d\d:\d\d:\d\d\.\d{3} info The schema is ready$", service.Log);
    }

    [Fact]
    public async Task The_health_command_asks_the_address_that_the_service_listens_on()
    {
        await using var service = ExactProcess.Serve(database.ConnectionString);
        await service.WaitUntilReadyAsync();
        using var checkout = new Checkout(database);
        checkout["ASPNETCORE_URLS"] = $"http://0.0.0.0:{service.Client.BaseAddress!.Port}";

        var (output, _) = await checkout.SucceedAsync("$EXACT health");

        Assert.Equal("ready", output.Trim());
    }
}
