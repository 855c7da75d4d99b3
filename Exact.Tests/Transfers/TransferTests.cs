using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Transfer;

namespace Exact.Tests.Transfers;

/// <summary>A backup through the HTTP door, as an organiser sends it with curl.</summary>
public sealed class TransferTests : ExactAppOfOneTest
{
    [Fact]
    public async Task A_true_dump_is_posted_and_read_back()
    {
        using var answer = await ImportAsync(await DumpAsync());
        var report = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        var challenges = await Admin.GetFromJsonAsync<JsonElement>("/api/challenges", Cancellation);
        var board = await Admin.GetFromJsonAsync<JsonElement>(
            "/api/challenges/bb4efe08ab7b4532a05a89f232b8e3f7/leaderboard?limit=3",
            Cancellation
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
            Cancellation
        );
        using var answer = await ImportAsync(backup);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);

        var challenges = await Admin.GetFromJsonAsync<JsonElement>("/api/challenges", Cancellation);
        var ranked = 0;
        foreach (var challenge in challenges.EnumerateArray())
        {
            Assert.Equal("admin", challenge.GetProperty("created_by").GetString());
            var board = await Admin.GetFromJsonAsync<JsonElement>(
                $"/api/challenges/{challenge.GetProperty("challenge_id")}/leaderboard?entries=all",
                Cancellation
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
        using var answer = await Admin.PostAsync($"/api/admin/import?{query}", content, Cancellation);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("IANA", $"{problem.GetProperty("errors").GetProperty(parameter)}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_export_imported_elsewhere_is_exported_byte_for_byte()
    {
        using var imported = await ImportAsync(await DumpAsync());
        using var export = await Admin.GetAsync("/api/admin/export", Cancellation);
        var bytes = await export.Content.ReadAsByteArrayAsync(Cancellation);
        await using var elsewhere = new ExactApp();
        await elsewhere.InitializeAsync();
        using var other = elsewhere.CreateAdmin();

        using var moved = await other.PostAsync("/api/admin/import", new ByteArrayContent(bytes), Cancellation);
        var again = await other.GetByteArrayAsync("/api/admin/export", Cancellation);

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
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var error = problem.GetProperty("errors")[0];
        Assert.Equal("#/1/fields/score", error.GetProperty("pointer").GetString());
        Assert.Equal(2, error.GetProperty("line").GetInt64());
        Assert.Equal("api.score", error.GetProperty("model").GetString());
        Assert.Equal(7, error.GetProperty("pk").GetInt64());
        Assert.Equal(0, await App.Database.ScalarAsync<long>("SELECT count(*) FROM roles"));
        Assert.Equal(
            "failed",
            await App.Database.ScalarAsync<string>("SELECT state FROM operations WHERE kind = 'import'")
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
            await packing.WriteAsync(await DumpAsync(), Cancellation);
        }

        using var content = new ByteArrayContent(packed.ToArray());
        content.Headers.ContentEncoding.Add(encoding);
        using var answer = await Admin.PostAsync("/api/admin/import", content, Cancellation);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1261, await App.Database.ScalarAsync<long>("SELECT count(*) FROM scores"));
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
    [InlineData("export?for=nobody", "for")]
    [InlineData("export?for=django&models=exact.submission,exact.storedfile", "for")]
    [InlineData("export/manifest?for=django&models=exact", "for")]
    public async Task A_wrong_option_is_named(string path, string option)
    {
        using var request = new HttpRequestMessage(
            path.StartsWith("import", StringComparison.Ordinal) ? HttpMethod.Post : HttpMethod.Get,
            $"/api/admin/{path}"
        );
        using var answer = await Admin.SendAsync(request, Cancellation);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

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
            await File.WriteAllBytesAsync(file, await DumpAsync(), Cancellation);
            await using var import = await ExactProcess.RunAsync(App.Database.ConnectionString, "import", file);
            await using var export = await ExactProcess.RunAsync(App.Database.ConnectionString, "export");

            Assert.Equal(0, await import.WaitForExitAsync());
            Assert.Contains("\"created\": 1261", import.Output);
            Assert.Equal(await Admin.GetStringAsync("/api/admin/export", Cancellation), export.Output + "\n");

            await using var pack = await ExactProcess.RunAsync(App.Database.ConnectionString, "export", "-o", packed);
            await using var unpack = await ExactProcess.RunAsync(App.Database.ConnectionString, "import", packed);
            Assert.Equal(0x1F, (await File.ReadAllBytesAsync(packed, Cancellation))[0]);
            Assert.Contains("\"unchanged\": 1261", unpack.Output);
        }
        finally
        {
            File.Delete(file);
            File.Delete(packed);
        }
    }

    private Task<HttpResponseMessage> ImportAsync(byte[] fixture) =>
        Admin.PostAsync("/api/admin/import", new ByteArrayContent(fixture), Cancellation);

    private static Task<byte[]> DumpAsync() => File.ReadAllBytesAsync(FixtureDatabase.DumpPath, Cancellation);
}
