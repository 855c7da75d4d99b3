using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Support;

namespace Exact.Tests.Database;

/// <summary>Row security is enabled, and no policy shows the service's role any row.</summary>
public sealed class RowSecurityTests(MigratedTemplate template) : IAsyncLifetime
{
    private const string Rows = """
        INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
        VALUES ('one', 'One', '', now(), 'ada');
        """;

    private static readonly string[] Reads =
    [
        "/api/challenges",
        "/api/challenges/one",
        "/api/challenges/one/leaderboard",
        "/api/admin/export",
        "/api/admin/export?challenge=one",
        "/api/admin/export/manifest",
    ];

    private readonly MigratedDatabase database = new(template);
    private TestRole role = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        role = await TestRole.CreateAsync();
        await database.ExecuteAsync(
            $"""
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role.Name};
            GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role.Name};
            GRANT TEMPORARY ON DATABASE {database.Name} TO {role.Name};
            """
        );
    }

    public async ValueTask DisposeAsync()
    {
        await database.ExecuteAsync($"DROP OWNED BY {role.Name}");
        await database.DisposeAsync();
        await role.DisposeAsync();
    }

    [Fact]
    public Task An_answer_that_would_miss_rows_is_refused() =>
        RefusesAsync(role.ConnectionString(database.Name), migrator: null);

    [Fact]
    public async Task An_answer_that_would_miss_rows_is_refused_behind_a_pooler()
    {
        await using var pooler = await Pooler.StartAsync(role.ConnectionString(database.Name));

        await RefusesAsync(pooler.ConnectionString, role.ConnectionString(database.Name));
    }

    [Fact]
    public async Task The_Options_of_the_connection_string_are_kept()
    {
        await using var replica = ExactProcess.Serve(
            $"{role.ConnectionString(database.Name)};Options=-c row_security=on -c lock_timeout=7s"
        );
        await replica.WaitUntilReadyAsync();
        await database.ExecuteAsync("ALTER TABLE challenges ENABLE ROW LEVEL SECURITY");

        using var answer = await replica.Client.GetAsync("/api/challenges", Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
    }

    [Fact]
    public Task Status_reports_row_security_with_the_SQL_that_removes_it() =>
        ReportsAsync(
            ("challenges", "ENABLE", "ALTER TABLE \"challenges\" DISABLE ROW LEVEL SECURITY;"),
            ("scores", "FORCE", "ALTER TABLE \"scores\" NO FORCE ROW LEVEL SECURITY;"),
            ("operations", "ENABLE", "ALTER TABLE \"operations\" DISABLE ROW LEVEL SECURITY;")
        );

    /// <summary>Status says nothing else, because it cannot know what is applied.</summary>
    [Fact]
    public Task Status_reports_row_security_of_the_history() =>
        ReportsAsync(
            ("\"__EFMigrationsHistory\"", "ENABLE", "ALTER TABLE \"__EFMigrationsHistory\" DISABLE ROW LEVEL SECURITY;")
        );

    private async Task ReportsAsync(params (string Table, string How, string Undo)[] all)
    {
        foreach (var (table, how, _) in all)
        {
            await database.ExecuteAsync($"ALTER TABLE {table} {how} ROW LEVEL SECURITY");
        }

        foreach (var connectionString in new[] { role.ConnectionString(database.Name), database.ConnectionString })
        {
            await using var status = await ExactProcess.RunAsync(connectionString, "status", "--check");

            Assert.Equal(5, await status.WaitForExitAsync());
            Assert.StartsWith("drifted: ", status.Output);
            Assert.Contains("row security", status.Output);
            Assert.All(all, one => Assert.Contains(one.Undo, status.Output));
        }

        foreach (var (_, _, undo) in all)
        {
            await database.ExecuteAsync(undo);
        }

        await using var after = await ExactProcess.RunAsync(role.ConnectionString(database.Name), "status", "--check");
        Assert.Equal(0, await after.WaitForExitAsync());
    }

    [Fact]
    public async Task A_start_that_cannot_see_the_history_says_why()
    {
        await database.ExecuteAsync("ALTER TABLE \"__EFMigrationsHistory\" ENABLE ROW LEVEL SECURITY");

        await using var replica = ExactProcess.Serve(role.ConnectionString(database.Name));

        Assert.Equal(1, await replica.WaitForExitAsync());
        Assert.Contains(
            "ALTER TABLE \"__EFMigrationsHistory\" DISABLE ROW LEVEL SECURITY;",
            replica.Log.Split('\n')[^1]
        );
    }

    private async Task RefusesAsync(string connectionString, string? migrator)
    {
        await database.ExecuteAsync(Rows);
        await using var replica = ExactProcess.Serve(
            connectionString,
            migrator is null ? null : new Dictionary<string, string> { ["ConnectionStrings__ExactMigrator"] = migrator }
        );
        await replica.WaitUntilReadyAsync();
        await database.ExecuteAsync("ALTER TABLE challenges ENABLE ROW LEVEL SECURITY");

        foreach (var path in Reads)
        {
            await RefusesAsync(replica, new(HttpMethod.Get, path));
        }

        await RefusesAsync(
            replica,
            new(HttpMethod.Post, "/api/admin/import")
            {
                Content = JsonContent.Create(
                    new[]
                    {
                        new
                        {
                            model = "api.challenge",
                            pk = 77,
                            fields = new { challenge_id = "two", title = "Two" },
                        },
                    }
                ),
            }
        );
        await replica.WaitForLogAsync("row security on \"challenges\" would hide rows");
    }

    private static async Task RefusesAsync(ExactProcess replica, HttpRequestMessage request)
    {
        using var answer = await replica.Client.SendAsync(request, Cancellation);

        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal((request.RequestUri, HttpStatusCode.ServiceUnavailable), (request.RequestUri, answer.StatusCode));
        Assert.Equal("Row security is switched on for \"challenges\".", problem.GetProperty("title").GetString());
        Assert.Contains("DISABLE ROW LEVEL SECURITY", problem.GetProperty("detail").GetString());
    }
}
