using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Exact.Api.Transfers;
using Exact.Infrastructure.Operations;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Http;

/// <summary>Imports, exports and events over HTTP/1.1 and HTTP/2, with slow, early and lost clients.</summary>
public sealed class HttpVersionTests(HttpDoors app) : IClassFixture<HttpDoors>, IAsyncLifetime
{
    private static readonly byte[] Groups = Encoding.UTF8.GetBytes(
        new string(' ', 256 * 1024) + Fixture(Group(1, "editors"), Group(2, "judges")) // more than a client's buffer
    );

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        const string Running = "SELECT count(*) FROM operations WHERE kind = 'import' AND state = 'running'";
        await Wait.UntilAsync(
            async () => await app.Database.ScalarAsync<long>(Running) == 0,
            "the last test's import in the background has ended"
        );
        await app.Database.ExecuteAsync("TRUNCATE roles, users, challenges, operations CASCADE");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task What_is_imported_is_exported(int version)
    {
        using var admin = app.CreateAdmin(version);
        using var form = new MultipartFormDataContent { { new ByteArrayContent(Groups), "file", "backup.json" } };

        using var body = await PostAsync(admin, new ByteArrayContent(Groups));
        using var file = await PostAsync(admin, form);
        using var later = await PostAsync(admin, new ByteArrayContent(Groups), respondAsync: true);
        var export = await admin.GetStringAsync("/api/admin/export?models=auth.group", CancellationToken);

        Assert.Equal(HttpStatusCode.OK, body.StatusCode);
        Assert.Equal(HttpStatusCode.OK, file.StatusCode);
        Assert.Equal(HttpStatusCode.Accepted, later.StatusCode);
        Assert.Equal(version, body.Version.Major);
        Assert.Contains("judges", export);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_wrong_file_is_a_bad_request(int version)
    {
        using var admin = app.CreateAdmin(version);

        using var empty = await PostAsync(admin, new ByteArrayContent([]));
        using var broken = await PostAsync(admin, new ByteArrayContent(Groups[..^5]));
        using var query = await admin.PostAsync(
            "/api/admin/import?mode=wild",
            new ByteArrayContent(Groups),
            CancellationToken
        );

        Assert.Equal(HttpStatusCode.BadRequest, empty.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, broken.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, query.StatusCode);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public async Task A_sender_that_is_slower_than_its_pace_is_told_so(int version, bool respondAsync)
    {
        var answer = version == 1 ? StopSendingAsync(respondAsync) : StopSendingOverHttp2Async(respondAsync);
        await Wait.UntilAsync(
            () =>
            {
                app.Time.Advance(TimeSpan.FromSeconds(10));
                return Task.FromResult(answer.IsCompleted);
            },
            "the sender is answered"
        );

        var (status, problem) = await answer;
        Assert.Equal("408", status);
        Assert.Contains(respondAsync ? "64 KiB in 300 seconds" : "1920 KiB in 30 seconds", problem);
        Assert.Equal(!respondAsync, problem.Contains("Prefer: respond-async", StringComparison.Ordinal));
        Assert.Equal(0, await app.Database.ScalarAsync<long>("SELECT count(*) FROM roles"));
        Assert.DoesNotContain(app.Errors, line => line.Contains("draining", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task An_upload_holds_no_connection_before_its_first_byte(int version)
    {
        using var admin = app.CreateAdmin(version);
        var gate = new TaskCompletionSource();
        var sent = new GatedStream(Groups, gate.Task);
        var import = PostAsync(admin, new StreamContent(sent));
        await sent.Reading;
        var operations = await admin.GetStringAsync("/api/admin/operations", CancellationToken);
        gate.SetResult();

        using var answer = await import;
        Assert.Equal("[]", operations);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData(1, "identity")]
    [InlineData(2, "identity")]
    [InlineData(2, "gzip")]
    public async Task An_export_whose_client_stops_reading_is_given_up(int version, string coding)
    {
        // More than the buffers of two sockets, and so random that packing does not help.
        await app.Database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            SELECT 'c' || i, 'wide', (SELECT string_agg(md5(random()::text || n || i), '') FROM generate_series(1, 3000) n), now(), 'ada'
            FROM generate_series(1, 300) i
            """
        );
        using var admin = app.CreateAdmin(version);
        admin.DefaultRequestHeaders.Add("Accept-Encoding", coding);
        using var export = await admin.GetAsync(
            "/api/admin/export",
            HttpCompletionOption.ResponseHeadersRead,
            CancellationToken
        );
        await Wait.UntilAsync(
            async () =>
            {
                app.Time.Advance(ExportResult.Patience);
                return await app.Database.ScalarAsync<string>("SELECT state FROM operations") is not "running";
            },
            "the export has ended"
        );

        Assert.Equal(
            "failed: The client stopped reading for 30 seconds.",
            await app.Database.ScalarAsync<string>("SELECT state || ': ' || error FROM operations")
        );
        Assert.Equal(
            0,
            await app.Database.ScalarAsync<long>(
                """
                SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                WHERE a.datname = current_database() AND l.relation = 'scores'::regclass AND l.pid <> pg_backend_pid()
                """
            )
        );
        await Assert.ThrowsAnyAsync<Exception>(() => export.Content.ReadAsByteArrayAsync(CancellationToken));
    }

    [Theory]
    [InlineData("Authorization: Bearer not the key", "Content-Length: 41943040", "401")]
    [InlineData("Authorization: Bearer " + ExactApp.AdminKey, "Content-Length: 41943040", "415")]
    [InlineData("Authorization: Bearer " + ExactApp.AdminKey, "Transfer-Encoding: chunked", "415")]
    public async Task A_client_that_sends_all_before_it_reads_gets_an_early_refusal(
        string key,
        string framing,
        string status
    )
    {
        using var sender = new TcpClient();
        await sender.ConnectAsync(app.PlaceOf(1), CancellationToken);
        await using var line = sender.GetStream();
        await line.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"POST /api/admin/import HTTP/1.1\r\nHost: x\r\n{key}\r\n{framing}\r\nContent-Type: text/html\r\n\r\n"
            ),
            CancellationToken
        );
        var isChunked = framing.StartsWith("Transfer", StringComparison.Ordinal);
        var mebibyte = new byte[1024 * 1024];
        for (var i = 0; i < 40; i++)
        {
            await line.WriteAsync(
                isChunked ? [.. "100000\r\n"u8, .. mebibyte, .. "\r\n"u8] : mebibyte,
                CancellationToken
            );
        }

        await line.WriteAsync(isChunked ? "0\r\n\r\n"u8.ToArray() : [], CancellationToken);
        using var reader = new StreamReader(line);

        Assert.StartsWith($"HTTP/1.1 {status} ", await reader.ReadLineAsync(CancellationToken));
    }

    [Fact]
    public async Task A_sender_that_leaves_is_in_the_journal_in_our_own_words()
    {
        using (var sender = new TcpClient())
        {
            await sender.ConnectAsync(app.PlaceOf(1), CancellationToken);
            var part =
                "POST /api/admin/import HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nPrefer: respond-async\r\n"
                + $"Authorization: Bearer {ExactApp.AdminKey}\r\n\r\n[";
            await sender.GetStream().WriteAsync(Encoding.ASCII.GetBytes(part), CancellationToken);
            await Wait.UntilAsync(async () => await StateAsync() is "running", "the import receives");
        }

        await Wait.UntilAsync(async () => await StateAsync() is not "running", "the import has ended");
        var error = await app.Database.ScalarAsync<string>("SELECT error FROM operations");

        Assert.Matches(@"^(The upload was cut off|The client disconnected\.$)", error);

        Task<string?> StateAsync() => app.Database.ScalarAsync<string>("SELECT state FROM operations");
    }

    [Theory]
    [InlineData("not the key", true, HttpStatusCode.Unauthorized)]
    [InlineData(ExactApp.AdminKey, true, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData(ExactApp.AdminKey, false, HttpStatusCode.RequestEntityTooLarge)]
    public async Task A_refused_upload_is_read_on_over_HTTP2_so_that_its_sender_reads_the_answer(
        string key,
        bool lengthIsKnown,
        HttpStatusCode status
    )
    {
        using var client = app.CreateStranger(2);
        client.DefaultRequestHeaders.Authorization = new("Bearer", key);
        using var upload = new SpacesContent(HttpDoors.MaxBytes + (4 * 1024 * 1024), lengthIsKnown);

        using var answer = await client.PostAsync("/api/admin/import", upload, CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal((2, status), (answer.Version.Major, answer.StatusCode));
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        await upload.Sent.WaitAsync(Wait.Limit, CancellationToken); // all of it, not only what the window allows
    }

    [Theory]
    [InlineData(
        "/api/worker/submissions/1/complete",
        "log",
        1024 * 1024,
        "Cut the log: only its last 16384 characters are kept."
    )]
    [InlineData("/api/scores/1/disqualify", "reason", 64 * 1024, "Send less.")]
    public async Task A_body_that_is_too_large_is_told_the_limit(string path, string field, int limit, string advice)
    {
        using var client = app.CreateAdmin(1);
        var body = new Dictionary<string, string> { [field] = new('x', limit) };
        using var answer = await client.PostAsJsonAsync(path, body, CancellationToken);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.Equal(
            $"The body may have at most {limit} bytes. {advice}",
            (await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken)).GetProperty("detail").GetString()
        );
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Events_pass_a_proxy_at_once_and_are_never_silent_for_long(int version)
    {
        await using var owner = await app.Database.DataSource.OpenConnectionAsync(CancellationToken);
        await using var life = await owner.BeginTransactionAsync(CancellationToken);
        await using (var share = owner.CreateCommand())
        {
            share.CommandText = OperationLock.Share(7000, owner);
            await share.ExecuteNonQueryAsync(CancellationToken);
        }

        await app.Database.ExecuteAsync(
            """
            INSERT INTO operations (id, kind, actor, origin, started_at, state)
            VALUES (7000, 'export', 'ada', 'test', now(), 'running')
            """
        );
        using var admin = app.CreateAdmin(version);
        using var answer = await admin.GetAsync(
            "/api/admin/operations/7000/events",
            HttpCompletionOption.ResponseHeadersRead,
            CancellationToken
        );
        using var events = new StreamReader(await answer.Content.ReadAsStreamAsync(CancellationToken));
        var id = await events.ReadLineAsync(CancellationToken);
        var first = await events.ReadLineAsync(CancellationToken);
        var data = await events.ReadLineAsync(CancellationToken);
        Assert.Equal("", await events.ReadLineAsync(CancellationToken));
        var next = events.ReadLineAsync(CancellationToken).AsTask();
        await Wait.UntilAsync(
            () =>
            {
                app.Time.Advance(TimeSpan.FromSeconds(1));
                return Task.FromResult(next.IsCompleted);
            },
            "a comment comes"
        );
        using var head = new HttpRequestMessage(HttpMethod.Head, "/api/admin/operations/7000/events")
        {
            Version = admin.DefaultRequestVersion,
            VersionPolicy = admin.DefaultVersionPolicy,
        };
        using var headers = await admin.SendAsync(head, CancellationToken);

        Assert.Equal("no", answer.Headers.GetValues("X-Accel-Buffering").Single());
        Assert.Equal("id: 1", id);
        Assert.Equal("event: operation", first);
        Assert.Contains("\"state\":\"running\"", data);
        Assert.StartsWith(":", await next);
        Assert.Equal(HttpStatusCode.OK, headers.StatusCode);
    }

    [Fact]
    public async Task HEAD_has_the_status_and_the_headers_of_GET_wherever_there_is_GET()
    {
        await app.Database.ExecuteAsync(
            """
            INSERT INTO operations (id, kind, actor, origin, started_at, state, finished_at)
            VALUES (7000, 'export', 'ada', 'test', now(), 'succeeded', now());
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('c1', '', '', now(), 'ada')
            """
        );
        using var admin = app.CreateAdmin(1);
        var document = await admin.GetFromJsonAsync<JsonElement>("/openapi/v1.json", CancellationToken);
        var paths = document
            .GetProperty("paths")
            .EnumerateObject()
            .Where(path => path.Value.TryGetProperty("get", out _))
            .Select(path => path.Name.Replace("{challenge_id}", "c1").Replace("{id}", "7000"));
        var asked = 0;
        foreach (var path in paths.Concat(["/openapi/v1.json", "/swagger/index.html", "/nowhere"]))
        {
            var before = await app.Database.ScalarAsync<long>("SELECT count(*) FROM operations");
            using var request = new HttpRequestMessage(HttpMethod.Head, path);
            using var head = await admin.SendAsync(request, CancellationToken);
            Assert.Equal(before, await app.Database.ScalarAsync<long>("SELECT count(*) FROM operations"));
            using var get = await admin.GetAsync(path, CancellationToken);

            Assert.True(
                get.StatusCode == head.StatusCode,
                $"{path}: {head.StatusCode}, {get.StatusCode} {await get.Content.ReadAsStringAsync(CancellationToken)}"
            );
            Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
            Assert.Equal(
                get.Headers.Select(header => header.Key).Except(["Transfer-Encoding", "Exact-Operation"]).Order(),
                head.Headers.Select(header => header.Key).Except(["Transfer-Encoding"]).Order()
            );
            Assert.Empty(await head.Content.ReadAsByteArrayAsync(CancellationToken));
            asked++;
        }

        Assert.InRange(asked, 15, 100);
    }

    [Theory]
    [InlineData("/api/challenges", false)]
    [InlineData("/nowhere", false)]
    [InlineData("/swagger/index.html", false)]
    [InlineData("/api/admin/operations", true)]
    [InlineData("/api/admin/nowhere", true)]
    [InlineData("/api/admin/export?models=nope", true)]
    public async Task Every_answer_has_the_headers_that_browsers_and_caches_need(string path, bool isSecret)
    {
        using var stranger = app.CreateStranger(1);
        using var admin = app.CreateAdmin(1);
        foreach (var client in new[] { stranger, admin })
        {
            using var answer = await client.GetAsync(path, CancellationToken);

            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Equal(isSecret ? "no-store" : null, isSecret ? $"{answer.Headers.CacheControl}" : null);
            Assert.Empty(answer.Headers.Server);
        }
    }

    /// <summary>
    /// Sends a part of what it has announced, as <see cref="HttpClient"/> cannot over HTTP/1.1: it reads no answer
    /// before.
    /// </summary>
    private async Task<(string Status, string Answer)> StopSendingAsync(bool respondAsync)
    {
        using var sender = new TcpClient();
        await sender.ConnectAsync(app.PlaceOf(1), CancellationToken);
        await using var line = sender.GetStream();
        var head =
            "POST /api/admin/import HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
            + $"Authorization: Bearer {ExactApp.AdminKey}\r\n{(respondAsync ? "Prefer: respond-async\r\n" : "")}\r\n[";
        await line.WriteAsync(Encoding.ASCII.GetBytes(head), CancellationToken);
        using var reader = new StreamReader(line);
        var answer = "";
        while (await reader.ReadLineAsync(CancellationToken) is { } next and not "0") // the last chunk
        {
            answer += next;
        }

        return (answer.Split(' ')[1], answer);
    }

    private async Task<(string Status, string Answer)> StopSendingOverHttp2Async(bool respondAsync)
    {
        using var admin = app.CreateAdmin(2);
        var sent = new GatedStream(Groups[..^300], new TaskCompletionSource().Task, 1);
        using var answer = await PostAsync(admin, new StreamContent(sent), respondAsync);
        return ($"{(int)answer.StatusCode}", await answer.Content.ReadAsStringAsync(CancellationToken));
    }

    private static async Task<HttpResponseMessage> PostAsync(
        HttpClient admin,
        HttpContent body,
        bool respondAsync = false
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/admin/import")
        {
            Content = body,
            Version = admin.DefaultRequestVersion,
            VersionPolicy = admin.DefaultVersionPolicy,
            Headers = { ExpectContinue = true }, // the body is sent once the service asks for it
        };
        if (respondAsync)
        {
            request.Headers.Add("Prefer", "respond-async");
        }

        return await admin.SendAsync(request, CancellationToken);
    }

    /// <summary>A file of nothing but spaces, which says when all of it has been sent.</summary>
    private sealed class SpacesContent(int length, bool lengthIsKnown) : HttpContent
    {
        private readonly TaskCompletionSource sent = new();

        public Task Sent => sent.Task;

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            byte[] spaces = [.. Enumerable.Repeat((byte)' ', 64 * 1024)];
            for (var i = 0; i < length; i += spaces.Length)
            {
                await stream.WriteAsync(spaces);
            }

            sent.SetResult();
        }

        protected override bool TryComputeLength(out long computed)
        {
            computed = length;
            return lengthIsKnown;
        }
    }
}
