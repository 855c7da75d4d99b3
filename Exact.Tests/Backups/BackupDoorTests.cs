using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Support;

namespace Exact.Tests.Backups;

/// <summary>Complete backups over HTTP.</summary>
public sealed class BackupDoorTests(ExactApp app) : IClassFixture<ExactApp>, IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("exact-backups-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string File => Path.Combine(app.Files, "aa", "aa01");

    public async ValueTask InitializeAsync()
    {
        await app.Database.ExecuteAsync(
            """
            TRUNCATE challenges, stored_files, operations CASCADE;
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, mlmodel)
            VALUES ('c1', 'One', '', '2026-01-01Z', 'ada', 'aa/aa01');
            INSERT INTO stored_files (key, original_name, content_type, size, sha256, created_at, created_by)
            VALUES ('aa/aa01', 'm.pkl', 'text/plain', 5, encode(sha256('model'), 'hex'), '2026-01-01Z', 'ada')
            """
        );
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        await System.IO.File.WriteAllTextAsync(File, "model", Cancellation);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData("identity", "")]
    [InlineData("gzip", "")]
    [InlineData("gzip", "respond-async")]
    public async Task A_complete_backup_is_downloaded_and_sent_back(string coding, string prefer)
    {
        using var admin = app.CreateAdmin();
        admin.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue(coding));
        using var download = await admin.GetAsync("/api/admin/export?format=tar", Cancellation);
        var archive = await download.Content.ReadAsByteArrayAsync(Cancellation);
        await app.Database.ExecuteAsync("TRUNCATE challenges, stored_files CASCADE");
        System.IO.File.Delete(File);

        using var body = new ByteArrayContent(archive);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
        body.Headers.ContentEncoding.Add(coding);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/admin/import") { Content = body };
        request.Headers.TryAddWithoutValidation("Prefer", prefer);
        using var answer = await admin.SendAsync(request, Cancellation);
        await Wait.UntilAsync(
            async () => await app.Database.ScalarAsync<long>("SELECT count(*) FROM challenges") == 1,
            "the import has ended"
        );

        Assert.Equal("application/x-tar", download.Content.Headers.ContentType?.MediaType);
        Assert.EndsWith(".tar", download.Content.Headers.ContentDisposition?.FileName);
        Assert.Equal("2", download.Headers.GetValues("Exact-Records").Single());
        Assert.Equal(prefer is "" ? HttpStatusCode.OK : HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal("model", await System.IO.File.ReadAllTextAsync(File, Cancellation));
    }

    [Fact]
    public async Task An_archive_that_was_changed_is_a_400_that_says_so()
    {
        using var admin = app.CreateAdmin();
        var archive = await admin.GetByteArrayAsync("/api/admin/export?format=tar", Cancellation);
        archive[archive.AsSpan().IndexOf("model\0"u8)] ^= 1;
        await app.Database.ExecuteAsync("TRUNCATE challenges, stored_files CASCADE");

        using var answer = await admin.PostAsync("/api/admin/import", new ByteArrayContent(archive), Cancellation);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("damaged-archive", problem.GetProperty("errors")[0].GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_backup_is_made_listed_and_downloaded_and_a_failure_leaves_the_service_ready()
    {
        await using var scheduled = app.WithWebHostBuilder(host => host.UseSetting("Backups:Folder", folder));
        await ExactApp.WhenReadyAsync(scheduled);
        using var admin = ExactApp.CreateAdmin(scheduled);
        using var begun = await admin.PostAsync("/api/admin/backups", content: null, Cancellation);
        await Wait.UntilAsync(
            async () =>
                (await admin.GetFromJsonAsync<JsonElement>(begun.Headers.Location, Cancellation))
                    .GetProperty("state")
                    .GetString()
                    is "succeeded",
            "the backup has ended"
        );
        var actor = await app.Database.ScalarAsync<string>("SELECT actor FROM operations WHERE kind = 'backup'");
        Assert.Equal("admin-key", actor);
        await app.Database.ExecuteAsync(
            """
            INSERT INTO operations (kind, actor, origin, started_at, finished_at, state, error)
            VALUES ('backup', 'schedule', 'exact', '2126-03-04Z', '2126-03-04Z', 'failed', 'The disk is full.')
            """
        );

        var status = await admin.GetFromJsonAsync<JsonElement>("/api/admin/backups", Cancellation);
        var migrations = await admin.GetFromJsonAsync<JsonElement>("/api/admin/migrations", Cancellation);
        using var health = await admin.GetAsync("/health/ready", Cancellation);

        Assert.Equal("2126-03-04T00:00:00Z", status.GetProperty("failed_since").GetString());
        Assert.Equal("The disk is full.", status.GetProperty("error").GetString());
        Assert.Equal(
            "Backups have failed since 2126-03-04 00:00:00Z. The last error: The disk is full.",
            migrations.GetProperty("warnings")[0].GetString()
        );
        Assert.Equal(JsonValueKind.Null, status.GetProperty("next").ValueKind);
        var listed = Assert.Single(status.GetProperty("backups").EnumerateArray());
        var name = listed.GetProperty("name").GetString();
        var archive = await admin.GetByteArrayAsync($"/api/admin/backups/{name}", Cancellation);
        using var other = await admin.GetAsync($"/api/admin/backups/{name}.json", Cancellation);
        Assert.Equal(
            $"export admin-key succeeded {name}", // it takes the hashes of the passwords away
            await app.Database.ScalarAsync<string>(
                """
                SELECT string_agg(concat_ws(' ', kind, actor, state, figures ->> 'backup'), ',')
                FROM operations WHERE kind = 'export'
                """
            )
        );
        Assert.Equal(HttpStatusCode.Accepted, begun.StatusCode);
        Assert.Equal(listed.GetProperty("bytes").GetInt64(), archive.Length);
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode); // only archives
        Assert.True(listed.GetProperty("verified").GetBoolean());
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);

        await System.IO.File.WriteAllBytesAsync(Path.Combine(folder, name!), archive[..^9], Cancellation);
        using var verified = await admin.PostAsync($"/api/admin/backups/{name}/verify", content: null, Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, verified.StatusCode);
        await Wait.UntilAsync(
            async () =>
                (await admin.GetFromJsonAsync<JsonElement>(verified.Headers.Location, Cancellation))
                    .GetProperty("state")
                    .GetString()
                    is "failed",
            "the verification has failed"
        );
        status = await admin.GetFromJsonAsync<JsonElement>("/api/admin/backups", Cancellation);
        Assert.False(status.GetProperty("backups")[0].GetProperty("verified").GetBoolean());
    }

    [Theory]
    [InlineData("?format=tar&redact=people")]
    [InlineData("?redact=people")]
    public async Task An_export_without_people_names_nobody_and_comes_back(string query)
    {
        using var admin = app.CreateAdmin();
        var file = await admin.GetByteArrayAsync($"/api/admin/export{query}", Cancellation);
        await app.Database.ExecuteAsync("TRUNCATE challenges, stored_files CASCADE");

        using var answer = await admin.PostAsync("/api/admin/import", new ByteArrayContent(file), Cancellation);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.StartsWith("person-", await app.Database.ScalarAsync<string>("SELECT created_by FROM challenges"));
    }

    [Fact]
    public async Task A_dry_run_lists_what_a_replacing_import_would_remove()
    {
        using var admin = app.CreateAdmin();
        using var answer = await admin.PostAsJsonAsync(
            "/api/admin/import?mode=replace&dry_run=true&differences=true&confirm=exact.storedfile",
            Array.Empty<object>(),
            Cancellation
        );
        using var refused = await admin.PostAsJsonAsync("/api/admin/import?differences=true", "[]", Cancellation);

        var report = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        var removed = Assert.Single(report.GetProperty("differences").EnumerateArray());
        Assert.Equal("api.challenge", removed.GetProperty("model").GetString());
        Assert.Equal("removed", removed.GetProperty("change").GetString());
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }
}
