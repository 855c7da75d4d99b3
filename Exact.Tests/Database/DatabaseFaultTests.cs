using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Api;
using Exact.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Exact.Tests.Database;

/// <summary>
/// Each failure of the database is answered with its own problem, and its cause is for administrators alone.
/// </summary>
public sealed class DatabaseFaultTests(LoggedApp app) : IClassFixture<LoggedApp>, IAsyncLifetime
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    /// <summary>Reading a challenge fails with the code that a table names.</summary>
    public async ValueTask InitializeAsync()
    {
        app.Log.Clear();
        await app.Database.ExecuteAsync(
            """
            DO $$ BEGIN
                IF to_regclass('real_challenges') IS NOT NULL THEN
                    DROP VIEW challenges;
                    ALTER TABLE real_challenges RENAME TO challenges;
                END IF;
            END $$;
            CREATE TABLE IF NOT EXISTS failure (code text);
            DELETE FROM failure;
            CREATE OR REPLACE FUNCTION fail() RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'only for administrators' USING ERRCODE = (SELECT code FROM failure); END $$;
            INSERT INTO challenges (id, challenge_id, title, description, created_at, created_by)
            VALUES (1, 'c', 't', 'd', now(), 'ada') ON CONFLICT DO NOTHING;
            ALTER TABLE challenges RENAME TO real_challenges;
            CREATE VIEW challenges AS SELECT * FROM real_challenges WHERE fail()
            """
        );
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("57P03", HttpStatusCode.ServiceUnavailable, "does not answer")]
    [InlineData("55P03", HttpStatusCode.ServiceUnavailable, "is busy")]
    [InlineData("40001", HttpStatusCode.ServiceUnavailable, "is busy")]
    [InlineData("25006", HttpStatusCode.ServiceUnavailable, "is read-only")]
    [InlineData("53100", HttpStatusCode.InsufficientStorage, "no room left")]
    [InlineData("57014", HttpStatusCode.ServiceUnavailable, "took too long")]
    [InlineData("23514", HttpStatusCode.UnprocessableEntity, "rejects the data")]
    [InlineData("P0001", HttpStatusCode.UnprocessableEntity, "rejects the data")]
    [InlineData("42501", HttpStatusCode.ServiceUnavailable, "cannot use")]
    [InlineData("42P01", HttpStatusCode.ServiceUnavailable, "cannot use")]
    [InlineData("XX000", HttpStatusCode.ServiceUnavailable, "cannot use")]
    [InlineData("ZZ999", HttpStatusCode.ServiceUnavailable, "cannot use")]
    public async Task A_failure_has_its_own_answer(string code, HttpStatusCode status, string title)
    {
        await app.Database.ExecuteAsync($"INSERT INTO failure VALUES ('{code}')");
        using var everybody = app.CreateClient();
        using var admin = app.CreateAdmin();

        using var answer = await everybody.GetAsync("/api/challenges", CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        using var detailed = await admin.GetAsync("/api/challenges", CancellationToken);

        Assert.Equal((status, status), (answer.StatusCode, detailed.StatusCode));
        Assert.Contains(title, problem.GetProperty("title").GetString(), StringComparison.Ordinal);
        Assert.Equal(status is not HttpStatusCode.UnprocessableEntity, answer.Headers.RetryAfter is not null);
        Assert.DoesNotContain("only for", $"{problem}", StringComparison.Ordinal);
        Assert.Contains(
            "only for administrators",
            await detailed.Content.ReadAsStringAsync(CancellationToken),
            StringComparison.Ordinal
        );
        var line = Assert.Single(app.Log.All, entry => !entry.Contains("by hand", StringComparison.Ordinal));
        Assert.Contains("GET /api/challenges", line, StringComparison.Ordinal);
        Assert.Contains($"only for administrators ({code})", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
    }

    [Fact]
    public void Lines_that_repeat_are_counted_instead()
    {
        var time = new FakeTimeProvider();
        var lines = new RepeatedLines(time);

        Assert.Equal([1, 0, 0], new[] { lines.Count("a"), lines.Count("a"), lines.Count("a") });
        Assert.Equal(1, lines.Count("b"));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal([3, 0], new[] { lines.Count("a"), lines.Count("a") });
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(2, lines.Count("a"));
    }
}
