using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Transfer;

namespace Exact.Tests.Transfers;

/// <summary>A backup through the HTTP door, as an organiser sends it with curl.</summary>
public sealed class TransferTests : IAsyncLifetime
{
    private readonly ExactApp app = new();
    private HttpClient admin = null!;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await app.InitializeAsync();
        admin = app.CreateAdmin();
    }

    public async ValueTask DisposeAsync()
    {
        admin.Dispose();
        await app.DisposeAsync();
    }

    [Fact]
    public async Task A_true_dump_is_posted_and_read_back()
    {
        using var answer = await ImportAsync(await DumpAsync());
        var report = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        var challenges = await admin.GetFromJsonAsync<JsonElement>("/api/challenges", CancellationToken);
        var board = await admin.GetFromJsonAsync<JsonElement>(
            "/api/challenges/bb4efe08ab7b4532a05a89f232b8e3f7/leaderboard?limit=3",
            CancellationToken
        );

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1261, report.GetProperty("models").GetProperty("api.score").GetProperty("created").GetInt64());
        Assert.Equal(36, report.GetProperty("models").GetProperty("auth.permission").GetProperty("ignored").GetInt64());
        Assert.Equal(12, challenges.GetArrayLength());
        Assert.Equal(
            ["1 user53 0.9965549042183096", "2 user47 0.9929280242604596", "3 user181 0.9887380029186192"],
            board
                .EnumerateArray()
                .Select(row => $"{row.GetProperty("rank")} {row.GetProperty("username")} {row.GetProperty("score")}")
        );
    }

    [Fact]
    public async Task The_oldest_backups_get_full_leaderboards_and_owners()
    {
        var backup = await File.ReadAllBytesAsync(
            Path.Combine(AppContext.BaseDirectory, "Transfer", "old-backup.json"),
            CancellationToken
        );
        using var answer = await ImportAsync(backup);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        var challenges = await admin.GetFromJsonAsync<JsonElement>("/api/challenges", CancellationToken);
        var ranked = 0;
        foreach (var challenge in challenges.EnumerateArray())
        {
            Assert.Equal("admin", challenge.GetProperty("created_by").GetString());
            var board = await admin.GetFromJsonAsync<JsonElement>(
                $"/api/challenges/{challenge.GetProperty("challenge_id")}/leaderboard?entries=all",
                CancellationToken
            );
            ranked += board.GetArrayLength();
        }

        Assert.Equal((9, 9), (challenges.GetArrayLength(), ranked));
    }

    [Theory]
    [InlineData("timezone=Mars/Olympus", "timezone")]
    [InlineData("timezone=", "timezone")]
    public async Task A_time_zone_that_does_not_exist_is_a_400_that_names_the_parameter(string query, string parameter)
    {
        using var content = new ByteArrayContent("[]"u8.ToArray());
        using var answer = await admin.PostAsync($"/api/admin/import?{query}", content, CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("IANA", $"{problem.GetProperty("errors").GetProperty(parameter)}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_export_imported_elsewhere_is_exported_byte_for_byte()
    {
        using var imported = await ImportAsync(await DumpAsync());
        using var export = await admin.GetAsync("/api/admin/export", CancellationToken);
        var bytes = await export.Content.ReadAsByteArrayAsync(CancellationToken);
        await using var elsewhere = new ExactApp();
        await elsewhere.InitializeAsync();
        using var other = elsewhere.CreateAdmin();

        using var moved = await other.PostAsync("/api/admin/import", new ByteArrayContent(bytes), CancellationToken);
        var again = await other.GetByteArrayAsync("/api/admin/export", CancellationToken);

        Assert.Equal(HttpStatusCode.OK, moved.StatusCode);
        Assert.StartsWith("exact-", export.Content.Headers.ContentDisposition?.FileName);
        Assert.Equal(bytes, again);
    }

    [Fact]
    public async Task A_bad_record_is_named_and_nothing_is_changed()
    {
        const string Fixture = """
            [{"model": "auth.group", "pk": 1, "fields": {"name": "organisers", "permissions": []}},
             {"model": "api.score", "pk": 7, "fields": {"username": "ada", "challenge_id": "c", "score": "high"}}]
            """;

        using var answer = await ImportAsync(Encoding.UTF8.GetBytes(Fixture));
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var error = problem.GetProperty("errors")[0];
        Assert.Equal("#/1/fields/score", error.GetProperty("pointer").GetString());
        Assert.Equal(2, error.GetProperty("line").GetInt64());
        Assert.Equal("api.score", error.GetProperty("model").GetString());
        Assert.Equal(7, error.GetProperty("pk").GetInt64());
        Assert.Equal(0, await app.Database.ScalarAsync<long>("SELECT count(*) FROM roles"));
        Assert.Equal(
            "failed",
            await app.Database.ScalarAsync<string>("SELECT state FROM operations WHERE kind = 'import'")
        );
    }

    [Fact]
    public async Task A_file_that_is_not_JSON_is_a_bad_request()
    {
        using var answer = await ImportAsync("[{\"model\": "u8.ToArray());

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task A_compressed_body_is_read(string encoding)
    {
        using var packed = new MemoryStream();
        await using (
            Stream packing =
                encoding == "gzip"
                    ? new GZipStream(packed, CompressionLevel.Fastest, true)
                    : new BrotliStream(packed, CompressionLevel.Fastest, true)
        )
        {
            await packing.WriteAsync(await DumpAsync(), CancellationToken);
        }

        using var content = new ByteArrayContent(packed.ToArray());
        content.Headers.ContentEncoding.Add(encoding);
        using var answer = await admin.PostAsync("/api/admin/import", content, CancellationToken);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1261, await app.Database.ScalarAsync<long>("SELECT count(*) FROM scores"));
    }

    [Theory]
    [InlineData("import?mode=wild", "mode")]
    [InlineData("import?dry_run=perhaps", "dry_run")]
    [InlineData("import?dryrun=true", "dryrun")]
    [InlineData("export?model=api.score", "model")]
    [InlineData("export/manifest?model=api.score", "model")]
    [InlineData("export?challenge=none", "challenge")]
    [InlineData("export/manifest?challenge=none", "challenge")]
    [InlineData("export?format=xml", "format")]
    [InlineData("export?models=api.nothing", "models")]
    public async Task A_wrong_option_is_named(string path, string option)
    {
        using var request = new HttpRequestMessage(
            path.StartsWith("import", StringComparison.Ordinal) ? HttpMethod.Post : HttpMethod.Get,
            $"/api/admin/{path}"
        );
        using var answer = await admin.SendAsync(request, CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.True(problem.GetProperty("errors").TryGetProperty(option, out _));
    }

    [Fact]
    public async Task The_commands_do_the_same()
    {
        var file = Path.GetTempFileName();
        var packed = $"{file}.gz";
        try
        {
            await File.WriteAllBytesAsync(file, await DumpAsync(), CancellationToken);
            await using var import = await ExactProcess.RunAsync(app.Database.ConnectionString, "import", file);
            await using var export = await ExactProcess.RunAsync(app.Database.ConnectionString, "export");

            Assert.Equal(0, await import.WaitForExitAsync());
            Assert.Contains("\"created\": 1261", import.Output);
            Assert.Equal(await admin.GetStringAsync("/api/admin/export", CancellationToken), export.Output + "\n");

            await using var pack = await ExactProcess.RunAsync(app.Database.ConnectionString, "export", "-o", packed);
            await using var unpack = await ExactProcess.RunAsync(app.Database.ConnectionString, "import", packed);
            Assert.Equal(0x1F, (await File.ReadAllBytesAsync(packed, CancellationToken))[0]);
            Assert.Contains("\"unchanged\": 1261", unpack.Output);
        }
        finally
        {
            File.Delete(file);
            File.Delete(packed);
        }
    }

    private Task<HttpResponseMessage> ImportAsync(byte[] fixture) =>
        admin.PostAsync("/api/admin/import", new ByteArrayContent(fixture), CancellationToken);

    private static Task<byte[]> DumpAsync() => File.ReadAllBytesAsync(FixtureDatabase.DumpPath, CancellationToken);
}
