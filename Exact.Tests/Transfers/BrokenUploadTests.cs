using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Exact.Tests.Transfer;

namespace Exact.Tests.Transfers;

/// <summary>Every door refuses a broken file, and neither the answer nor the journal shows its secrets.</summary>
public sealed class BrokenUploadTests(ExactApp app) : IClassFixture<ExactApp>, IAsyncLifetime
{
    private const string Secret = "INVENTEDSALT$INVENTEDHASH";

    private readonly HttpClient admin = app.CreateAdmin();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        await app.Database.ExecuteAsync("TRUNCATE roles, users, operations CASCADE");

    public ValueTask DisposeAsync()
    {
        admin.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData("gzip", "by its first bytes")]
    [InlineData("gzip", "by its Content-Encoding")]
    [InlineData("gzip", "as the file of a form")]
    [InlineData("gzip", "in the background")]
    [InlineData("gzip", "on the command line")]
    [InlineData("br", "by its Content-Encoding")]
    [InlineData("br", "in the background")]
    public async Task Compressed_JSON_lines_that_were_cut_off_at_a_line_end_are_refused(string coding, string door)
    {
        var cut = FirstHalf(coding);

        var said = await SendAsync(cut, coding, door);

        Assert.Contains("was cut off", said, StringComparison.Ordinal);
        Assert.Equal(0, await app.Database.ScalarAsync<long>("SELECT count(*) FROM roles"));
        Assert.Contains(
            "was cut off",
            await app.Database.ScalarAsync<string>("SELECT error FROM operations WHERE state = 'failed'")
        );
    }

    [Theory]
    [InlineData("by its first bytes")]
    [InlineData("as the file of a form")]
    [InlineData("in the background")]
    [InlineData("on the command line")]
    public async Task A_backup_that_is_not_JSON_does_not_show_its_passwords(string door)
    {
        var users = Enumerable
            .Range(1, 500)
            .Select(pk => Sample.User(pk, $"u{pk}", $""" "password": "pbkdf2_sha256$1${Secret}{pk}" """));
        var file = Encoding.UTF8.GetBytes($"[news] signals are on\n{Sample.Fixture([.. users])}");

        var said = await SendAsync(file, coding: null, door);

        var journal = await app.Database.ScalarAsync<string>("SELECT to_jsonb(o)::text FROM operations o");
        Assert.DoesNotContain("INVENTED", said + journal, StringComparison.Ordinal);
        Assert.Contains("Line 1, column 2: ", said, StringComparison.Ordinal);
        Assert.Contains("Line 1, column 2: ", journal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_that_was_cut_off_is_reported_in_our_own_words()
    {
        using var form = new MultipartFormDataContent("edge")
        {
            { new ByteArrayContent(FirstHalf("gzip")), "file", "a" },
        };
        var whole = await form.ReadAsByteArrayAsync(CancellationToken);
        using var cut = new ByteArrayContent(whole[..^10]);
        cut.Headers.ContentType = form.Headers.ContentType;

        using var answer = await admin.PostAsync("/api/admin/import", cut, CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.StartsWith("The upload was cut off", problem.GetProperty("detail").GetString());
    }

    /// <summary>What the sender is told.</summary>
    private async Task<string> SendAsync(byte[] file, string? coding, string door)
    {
        if (door is "on the command line")
        {
            var path = Path.GetTempFileName();
            await File.WriteAllBytesAsync(path, file, CancellationToken);
            await using var command = await ExactProcess.RunAsync(app.Database.ConnectionString, "import", path);
            File.Delete(path);
            Assert.Contains(path, command.Log, StringComparison.Ordinal);
            Assert.DoesNotContain("upload", command.Log, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("Content-Encoding", command.Log, StringComparison.Ordinal);
            return command.Log;
        }

        using HttpContent body = door is "as the file of a form"
            ? new MultipartFormDataContent { { new ByteArrayContent(file), "file", "backup" } }
            : new ByteArrayContent(file);
        if (coding is "br" || door is "by its Content-Encoding")
        {
            body.Headers.ContentEncoding.Add(coding!);
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/admin/import") { Content = body };
        if (door is not "in the background")
        {
            using var answer = await admin.SendAsync(request, CancellationToken);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            return await answer.Content.ReadAsStringAsync(CancellationToken);
        }

        request.Headers.Add("Prefer", "respond-async");
        using var accepted = await admin.SendAsync(request, CancellationToken);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        var events = await admin.GetStringAsync($"{accepted.Headers.Location}/events", CancellationToken);
        return events[events.LastIndexOf("data:", StringComparison.Ordinal)..]; // it ends with the operation
    }

    /// <summary>JSON lines up to where the packer was flushed.</summary>
    private static byte[] FirstHalf(string coding)
    {
        using var packed = new MemoryStream();
        using Stream packing = coding is "gzip"
            ? new GZipStream(packed, CompressionLevel.Fastest)
            : new BrotliStream(packed, CompressionLevel.Fastest);
        packing.Write(Encoding.UTF8.GetBytes($"{Sample.Group(1, "editors")}\n"));
        packing.Flush();
        return packed.ToArray();
    }
}
