using System.Net;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;

namespace Exact.Tests.Metrics;

/// <summary>The real program as in Production, with an address for its metrics, after some work.</summary>
public sealed class MetricsService : IAsyncLifetime
{
    /// <summary>The trace of a request with a wrong key.</summary>
    public const string Trace = "0af7651916cd43dd8448eb211c80319c";

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
            VALUES (1, 'one', 0, '', 'one.py', 0, true, now());
            INSERT INTO operations (kind, actor, origin, started_at, finished_at, state)
            VALUES ('backup', 'schedule', 'exact', '2026-01-01Z', '2026-01-01Z', 'succeeded')
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
        using var status = await Client.GetAsync("/api/admin/migrations", Cancellation);
        Assert.True(export.IsSuccessStatusCode && claim.IsSuccessStatusCode && status.IsSuccessStatusCode);
        using var guess = new HttpRequestMessage(HttpMethod.Get, "/api/admin/migrations");
        guess.Headers.Authorization = new("Bearer", "guess");
        guess.Headers.Add("traceparent", $"00-{Trace}-b7ad6b7169203331-01");
        using var refused = await Client.SendAsync(guess, Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        await database.DisposeAsync();
    }
}
