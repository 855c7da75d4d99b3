using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Support.TestMigrations;

namespace Exact.Tests.Migrating;

/// <summary>The status of databases that are ahead, pending or edited.</summary>
public sealed class StatusTests(MigratedTemplate template) : IAsyncLifetime
{
    private static readonly Dictionary<string, string> Strict = new() { ["Migrations__Strict"] = "true" };

    private readonly MigratedDatabase database = new(template);

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task A_database_that_a_newer_version_has_migrated_is_served_and_reported_as_ahead()
    {
        await MigrateAsync(Scenario.Settings("alter"));
        await database.ExecuteAsync(
            """
            UPDATE "__EFMigrationsHistory" SET applied_by = 'exact 98.7.6 another' WHERE migration_id LIKE '2099%'
            """
        );

        await using var older = ExactProcess.Serve(database.ConnectionString);
        await older.WaitUntilReadyAsync();
        await older.WaitForLogAsync("20990301000001_AlterScores");
        var status = await older.Client.GetFromJsonAsync<JsonElement>("/api/admin/migrations", CancellationToken);
        await using var strict = ExactProcess.Serve(database.ConnectionString, Strict);

        Assert.Equal("ahead", status.GetProperty("state").GetString());
        Assert.Equal("20990301000001_AlterScores", status.GetProperty("unknown")[0].GetString());
        Assert.StartsWith("Exact 98.7.6 has migrated this database.", status.GetProperty("detail").GetString());
        Assert.Equal(1, await strict.WaitForExitAsync());
        Assert.Contains("Migrations:Strict", strict.Log.Split('\n')[^1]);
    }

    [Fact]
    public async Task A_migration_that_was_edited_after_it_was_applied_is_named()
    {
        await MigrateAsync(Scenario.Settings("edited", "0"));
        var edited = Scenario.Settings("edited", "0.001");

        await using var later = ExactProcess.Serve(database.ConnectionString, edited);
        await later.WaitUntilReadyAsync();
        await later.WaitForLogAsync("20990301000004_Edited is not what was applied");
        var status = await later.Client.GetFromJsonAsync<JsonElement>("/api/admin/migrations", CancellationToken);
        await using var strict = ExactProcess.Serve(database.ConnectionString, edited.Concat(Strict).ToDictionary());

        Assert.Equal("current", status.GetProperty("state").GetString());
        Assert.Contains("edited since", status.GetProperty("warnings")[0].GetString());
        Assert.Equal(
            "20990301000004_Edited",
            status
                .GetProperty("applied")
                .EnumerateArray()
                .Single(one => one.GetProperty("is_edited").GetBoolean())
                .GetProperty("id")
                .GetString()
        );
        Assert.Equal(1, await strict.WaitForExitAsync());
    }

    [Fact]
    public async Task The_history_records_when_how_long_by_whom_and_which_SQL()
    {
        await using var replica = ExactProcess.Serve(database.ConnectionString, Scenario.Settings("edited", "0.2"));
        await replica.WaitUntilReadyAsync();

        var status = await replica.Client.GetFromJsonAsync<JsonElement>("/api/admin/migrations", CancellationToken);

        var applied = status.GetProperty("applied").EnumerateArray().Last();
        Assert.InRange(applied.GetProperty("seconds").GetDouble(), 0.2, 60);
        Assert.Equal(
            $"exact {Infrastructure.Product.Version} {Environment.MachineName}",
            applied.GetProperty("applied_by").GetString()
        );
        Assert.Equal(64, applied.GetProperty("hash").GetString()!.Length);
        Assert.Equal(TimeSpan.Zero, applied.GetProperty("applied_at").GetDateTimeOffset().Offset);
    }

    [Fact]
    public async Task A_service_configured_to_check_changes_nothing_and_is_ready_once_another_process_has_migrated()
    {
        var check = Scenario.Settings("alter");
        check["Migrations__OnStartup"] = "Check";
        await using var replica = ExactProcess.Serve(database.ConnectionString, check);
        await replica.WaitForLogAsync("Waiting for someone to apply 1 pending migrations");
        await replica.WaitUntilAsync("/health/live", HttpStatusCode.OK);
        var before = await replica.Client.GetFromJsonAsync<JsonElement>("/api/admin/migrations", CancellationToken);

        using var applied = await replica.Client.PostAsync("/api/admin/migrations", null, CancellationToken);
        await replica.WaitUntilReadyAsync();

        Assert.Equal("pending", before.GetProperty("state").GetString());
        var after = await applied.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        Assert.Equal("current", after.GetProperty("state").GetString());
        Assert.Equal(
            "admin-key",
            await database.ScalarAsync<string>("SELECT actor FROM operations ORDER BY id DESC LIMIT 1")
        );
    }

    [Fact]
    public async Task Posting_when_nothing_is_pending_changes_nothing()
    {
        await using var replica = ExactProcess.Serve(database.ConnectionString);
        await replica.WaitUntilReadyAsync();

        using var answer = await replica.Client.PostAsync("/api/admin/migrations", null, CancellationToken);

        Assert.True(answer.IsSuccessStatusCode);
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM operations"));
    }

    private async Task MigrateAsync(Dictionary<string, string> settings)
    {
        await using var replica = ExactProcess.Serve(database.ConnectionString, settings);
        await replica.WaitUntilReadyAsync();
    }
}
