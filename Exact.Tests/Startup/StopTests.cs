using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;

namespace Exact.Tests.Startup;

/// <summary>A start that is stopped before the service is ready.</summary>
public sealed class StopTests
{
    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_service_that_waits_for_its_server_ends_quietly(string signal)
    {
        await using var replica = ExactProcess.Serve("Host=127.0.0.1;Port=1");
        await replica.WaitForLogAsync("Waiting for PostgreSQL");

        await replica.SignalAsync(signal);

        Assert.Equal(0, await replica.WaitForExitAsync());
        Assert.DoesNotContain("Exception", replica.Log);
    }

    [Fact]
    public async Task A_service_that_migrates_ends_quietly_and_takes_the_migration_back()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        await using var replica = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("slow", "60"));
        await replica.WaitForLogAsync("Slow (");

        await replica.SignalAsync("TERM");

        Assert.Equal(0, await replica.WaitForExitAsync());
        Assert.DoesNotContain("Exception", replica.Log);
        Assert.Equal(
            0,
            await database.ScalarAsync<long>(
                "SELECT count(*) FROM \"__EFMigrationsHistory\" WHERE migration_id LIKE '%Slow'"
            )
        );
    }
}
