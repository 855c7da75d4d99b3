using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Transfer;

namespace Exact.Tests.Transfers;

/// <summary>How an export leaves the service, and that nobody takes a part of it for the whole.</summary>
public sealed class ExportDoorTests(TwoReplicas app) : IClassFixture<TwoReplicas>, IAsyncLifetime
{
    private HttpClient Admin => app.Other.Client;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await app.Database.ExecuteAsync(
            "TRUNCATE challenges, scores, companies, users, roles RESTART IDENTITY CASCADE"
        );
        using var dump = new ByteArrayContent(await FixtureDatabase.DumpAsync());
        using var import = await Admin.PostAsync("/api/admin/import", dump, CancellationToken);
        import.EnsureSuccessStatusCode();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("br", "br")]
    [InlineData("gzip", "gzip")]
    [InlineData("gzip, deflate, br, zstd", "br")]
    [InlineData("br;q=0.5, gzip;q=0.8", "gzip")]
    [InlineData("identity, br;q=0.5", null)]
    [InlineData("deflate", null)]
    [InlineData("br;q=0", null)]
    public async Task An_export_is_compressed_as_the_client_prefers(string accepted, string? coding)
    {
        var plain = await Admin.GetByteArrayAsync("/api/admin/export", CancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/admin/export");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);
        using var answer = await Admin.SendAsync(request, CancellationToken);
        var body = await answer.Content.ReadAsStreamAsync(CancellationToken);
        Stream unpacked = coding switch
        {
            "br" => new BrotliStream(body, CompressionMode.Decompress),
            "gzip" => new GZipStream(body, CompressionMode.Decompress),
            _ => body,
        };
        using var fixture = new MemoryStream();
        await unpacked.CopyToAsync(fixture, CancellationToken);

        Assert.Equal(coding, answer.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Contains("Accept-Encoding", answer.Headers.Vary);
        Assert.Equal(plain, fixture.ToArray());
    }

    [Fact]
    public async Task An_export_describes_itself_and_is_not_cached()
    {
        using var answer = await Admin.GetAsync("/api/admin/export?format=jsonl", CancellationToken);
        var lines = (await answer.Content.ReadAsStringAsync(CancellationToken)).Count(character => character == '\n');
        var schema = await app.Database.ScalarAsync<string>("SELECT max(migration_id) FROM \"__EFMigrationsHistory\"");

        Assert.Equal("application/x-ndjson", answer.Content.Headers.ContentType?.MediaType);
        Assert.Matches(
            @"^exact-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.jsonl$",
            answer.Content.Headers.ContentDisposition?.FileName
        );
        Assert.True(answer.Headers.CacheControl?.NoStore);
        Assert.Equal(schema, answer.Headers.GetValues("Exact-Schema").Single());
        Assert.Single(answer.Headers.GetValues("Exact-Version"));
        Assert.Contains("api.score=1261", answer.Headers.GetValues("Exact-Models").Single());
        Assert.Equal($"{lines}", answer.Headers.GetValues("Exact-Records").Single());
    }

    [Theory]
    [InlineData("", 2)]
    [InlineData("challenge=bb4efe08ab7b4532a05a89f232b8e3f7", 2)]
    [InlineData("for=django", 0)]
    public async Task The_manifest_describes_each_model_as_its_own_export_would_be(string filter, int modelsOfExact)
    {
        await app.Database.ExecuteAsync(
            """
            INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores)
            SELECT challenge_id, '.py', true FROM challenges;
            INSERT INTO disqualifications (score_id, reason, created_by, created_at)
            SELECT id, 'late', 'ada', now() FROM scores
            """
        );
        var manifest = await Admin.GetFromJsonAsync<JsonElement>(
            $"/api/admin/export/manifest?{filter}",
            CancellationToken
        );

        var records = 0L;
        foreach (var model in manifest.GetProperty("models").EnumerateObject())
        {
            var alone = await Admin.GetByteArrayAsync(
                $"/api/admin/export?format=jsonl&models={model.Name}&{filter}",
                CancellationToken
            );
            Assert.Equal(
                Convert.ToHexStringLower(SHA256.HashData(alone)),
                model.Value.GetProperty("sha256").GetString()
            );
            Assert.Equal(alone.Length, model.Value.GetProperty("bytes").GetInt64());
            Assert.Equal(
                Encoding.UTF8.GetString(alone).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length,
                model.Value.GetProperty("records").GetInt64()
            );
            records += model.Value.GetProperty("records").GetInt64();
        }

        Assert.Equal(records, manifest.GetProperty("records").GetInt64());
        Assert.Equal(
            await app.Database.ScalarAsync<string>("SELECT max(migration_id) FROM \"__EFMigrationsHistory\""),
            manifest.GetProperty("schema").GetString()
        );
        Assert.True(manifest.GetProperty("models").TryGetProperty("api.score", out _));
        Assert.Equal(
            modelsOfExact,
            manifest
                .GetProperty("models")
                .EnumerateObject()
                .Count(model => model.Name.StartsWith("exact.", StringComparison.Ordinal))
        );
    }

    [Theory]
    [InlineData("1.1", "identity", "json")]
    [InlineData("1.1", "gzip", "jsonl")]
    [InlineData("1.1", "br", "json")]
    [InlineData("1.0", "identity", "jsonl")] // no chunks, so its end is that of the connection
    public async Task An_export_that_fails_half_way_never_looks_complete(string version, string coding, string format)
    {
        await AddLargeScoresAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/admin/export?format={format}");
        request.Version = Version.Parse(version);
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue(coding));
        using var answer = await Admin.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, CancellationToken);
        var body = await answer.Content.ReadAsStreamAsync(CancellationToken);
        await body.ReadExactlyAsync(new byte[100_000], CancellationToken);

        // Nobody reads on, so the export waits in the middle of its COPY.
        var ended = await app.Database.ScalarAsync<long>(
            $"""
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = '{app.Database.Name}' AND query LIKE 'COPY (SELECT%' AND state = 'active'
            AND backend_type = 'client backend'
            """
        );

        Assert.Equal(1, ended);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null, CancellationToken));
        Assert.Equal(
            "failed",
            await app.Database.ScalarAsync<string>("SELECT state FROM operations ORDER BY id DESC LIMIT 1")
        );
    }

    [Fact]
    public async Task A_running_export_is_listed_and_can_be_cancelled()
    {
        await AddLargeScoresAsync();
        using var admin = app.CreateAdmin();
        using var answer = await Admin.GetAsync(
            "/api/admin/export",
            HttpCompletionOption.ResponseHeadersRead,
            CancellationToken
        );
        var running = await FirstAsync(
            admin,
            operation => operation.GetProperty("progress").ValueKind is JsonValueKind.Object
        );
        using var cancel = await admin.DeleteAsync(
            new Uri($"/api/admin/operations/{running.GetProperty("id")}", UriKind.Relative),
            CancellationToken
        );
        var body = await answer.Content.ReadAsStreamAsync(CancellationToken);

        // Nobody has read so far, so it is still in its middle when it hears of it.
        var ended = await FirstAsync(admin, operation => operation.GetProperty("state").GetString() != "running");
        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null, CancellationToken));
        Assert.Equal("export", running.GetProperty("kind").GetString());
        Assert.InRange(running.GetProperty("progress").GetProperty("bytes").GetInt64(), 1, 20_000_000);
        Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
        Assert.Equal("cancelled", ended.GetProperty("state").GetString());
    }

    /// <summary>Waits until the newest operation is so.</summary>
    private static async Task<JsonElement> FirstAsync(HttpClient admin, Func<JsonElement, bool> isSo)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var newest = await admin.GetFromJsonAsync<JsonElement>("/api/admin/operations?limit=1", patience.Token);
            if (isSo(newest[0]))
            {
                return newest[0];
            }

            await Task.Delay(50, patience.Token);
        }
    }

    /// <summary>More than the buffers between here and there hold, packed or not.</summary>
    private Task AddLargeScoresAsync() =>
        app.Database.ExecuteAsync(
            """
            INSERT INTO scores (username, challenge_id, created_at, status, error_message)
            SELECT 'ada', (SELECT min(challenge_id) FROM challenges), now(), 'failed',
                (SELECT string_agg(md5(n::text || m), '') FROM generate_series(1, 30) m)
            FROM generate_series(1, 20000) n
            """
        );
}
