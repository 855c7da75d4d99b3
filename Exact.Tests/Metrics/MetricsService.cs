using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;

namespace Exact.Tests.Metrics;

/// <summary>The real program as in Production, with an address for its metrics, after some work.</summary>
public sealed class MetricsService : IAsyncLifetime
{
    private readonly MigratedDatabase database = new(MigratedTemplate.Current);

    internal ExactProcess Process { get; private set; } = null!;

    public Uri Metrics { get; } = new($"http://127.0.0.1:{FreePort.Find()}/metrics");

    public HttpClient Client => Process.Client;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        await database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('tetris', 'Tetris', '', now(), 'ada');
            INSERT INTO scores (id, username, challenge_id, status, created_at) VALUES (1, 'bob', 'tetris', 'pending', now());
            INSERT INTO submissions (score_id, file, size, sha256, original_name, attempts, counts, queued_at)
            VALUES (1, 'one', 0, '', 'one.py', 0, true, now())
            """
        );
        Process = ExactProcess.Serve(
            database.ConnectionString,
            new Dictionary<string, string>
            {
                ["Logging__Console__FormatterName"] = "", // as if it were not set
                ["Metrics__Url"] = Metrics.GetLeftPart(UriPartial.Authority),
            }
        );
        await Process.WaitUntilReadyAsync();
        using var export = await Client.GetAsync("/api/admin/export", Cancellation);
        using var nothing = new StringContent("{}", null, "application/json");
        using var claim = await Client.PostAsync("/api/worker/claim", nothing, Cancellation);
        Assert.True(export.IsSuccessStatusCode && claim.IsSuccessStatusCode);
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        await database.DisposeAsync();
    }
}
