using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using Microsoft.Extensions.DependencyInjection;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Operations;

/// <summary>Every replica shows, follows and cancels an operation of any other.</summary>
public sealed class OperationTests(TwoReplicas app) : IClassFixture<TwoReplicas>, IAsyncLifetime
{
    private static readonly byte[] Groups = Encoding.UTF8.GetBytes(
        Fixture([.. Enumerable.Range(1, 5000).Select(pk => Group(pk, $"group {pk}"))])
    );

    private readonly HttpClient admin = app.CreateAdmin();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        await app.Database.ExecuteAsync("TRUNCATE roles, users CASCADE; DELETE FROM operations");

    public ValueTask DisposeAsync()
    {
        admin.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_caller_that_prefers_not_to_wait_gets_the_address_of_the_operation()
    {
        using var answer = await PostAsync(new ByteArrayContent(Groups), respondAsync: true);
        var operation = await EndAsync(answer.Headers.Location);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal("respond-async", answer.Headers.GetValues("Preference-Applied").Single());
        Assert.Equal("succeeded", operation.GetProperty("state").GetString());
        Assert.Equal("admin-key", operation.GetProperty("actor").GetString());
        var models = operation.GetProperty("figures").GetProperty("models");
        Assert.Equal(5000, models.GetProperty("auth.group").GetProperty("created").GetInt64());
        Assert.Equal(5000, await GroupsAsync());
    }

    [Fact]
    public async Task A_refused_file_leaves_its_errors_with_the_operation()
    {
        var bad = Encoding.UTF8.GetBytes(Fixture(Group(1), Score(2, "nowhere", """ "score": "high" """)));
        using var answer = await PostAsync(new ByteArrayContent(bad), respondAsync: true);
        var operation = await EndAsync(answer.Headers.Location);

        Assert.Equal("failed", operation.GetProperty("state").GetString());
        var error = operation.GetProperty("figures").GetProperty("errors")[0];
        Assert.Equal("#/1/fields/score", error.GetProperty("pointer").GetString());
        Assert.Equal(0, await GroupsAsync());
    }

    [Fact]
    public async Task A_running_import_shows_its_progress_and_sends_events()
    {
        var gate = new TaskCompletionSource();
        var import = PostAsync(new StreamContent(new GatedStream(Groups, gate.Task, Groups.Length / 2)));
        var operation = await RunningAsync(o =>
            o.TryGetProperty("progress", out var p) && p.ValueKind is JsonValueKind.Object
        );
        var progress = operation.GetProperty("progress");
        var id = operation.GetProperty("id").GetInt64();
        using var events = await admin.GetAsync(
            $"/api/admin/operations/{id}/events",
            HttpCompletionOption.ResponseHeadersRead,
            CancellationToken
        );
        gate.SetResult();
        using var answer = await import;
        var states = new List<string?>();
        await foreach (
            var item in SseParser
                .Create(await events.Content.ReadAsStreamAsync(CancellationToken), (_, data) => JsonElement.Parse(data))
                .EnumerateAsync(CancellationToken)
        )
        {
            Assert.Equal("operation", item.EventType);
            states.Add(item.Data.GetProperty("state").GetString());
        }

        Assert.Equal("text/event-stream", events.Content.Headers.ContentType?.MediaType);
        Assert.Equal("reading", progress.GetProperty("phase").GetString());
        Assert.InRange(progress.GetProperty("bytes").GetInt64(), 1, Groups.Length);
        Assert.InRange(progress.GetProperty("records").GetInt64(), 1, 5000);
        Assert.InRange(
            progress.GetProperty("models").GetProperty("auth.group").GetProperty("read").GetInt64(),
            1,
            5000
        );
        Assert.Equal("running", states[0]);
        Assert.Equal("succeeded", states[^1]);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_second_import_is_refused_with_the_address_of_the_running_one(bool respondAsync)
    {
        var gate = new TaskCompletionSource();
        var first = PostAsync(new StreamContent(new GatedStream(Groups, gate.Task, Groups.Length / 2)));
        var operation = await RunningAsync(o => o.GetProperty("progress").ValueKind is JsonValueKind.Object);
        using var second = await PostAsync(new ByteArrayContent(Groups), respondAsync);
        var problem = await second.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        gate.SetResult();
        using var answer = await first;

        var address = $"/api/admin/operations/{operation.GetProperty("id")}";
        Assert.Equal(HttpStatusCode.Conflict, second.StatusCode);
        Assert.Equal(address, problem.GetProperty("operation").GetString());
        Assert.Equal(address, second.Headers.Location?.OriginalString);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_import_is_cancelled_from_another_replica_and_changes_nothing(bool respondAsync)
    {
        var gate = new TaskCompletionSource();
        using var request = Request(
            new StreamContent(new GatedStream(Groups, gate.Task, Groups.Length / 2)),
            respondAsync
        );
        var import = app.Other.Client.SendAsync(request, CancellationToken);
        var operation = await RunningAsync(o => o.GetProperty("progress").ValueKind is JsonValueKind.Object);
        var address = new Uri($"/api/admin/operations/{operation.GetProperty("id")}", UriKind.Relative);

        using var cancel = await admin.DeleteAsync(address, CancellationToken);
        var cancelled = await EndAsync(address);
        gate.SetResult();
        await import.ContinueWith(_ => { }, CancellationToken, TaskContinuationOptions.None, TaskScheduler.Default);
        using var again = await admin.DeleteAsync(address, CancellationToken);

        Assert.Equal(
            respondAsync ? "receiving" : "reading",
            operation.GetProperty("progress").GetProperty("phase").GetString()
        );
        Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
        Assert.Equal("cancelled", cancelled.GetProperty("state").GetString());
        Assert.Equal("admin-key", cancelled.GetProperty("cancelled_by").GetString());
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        Assert.Equal(0, await GroupsAsync());
    }

    [Fact]
    public async Task An_import_cancelled_at_the_last_moment_is_not_committed()
    {
        // The table is locked, so the import waits just before its end, and cannot hear.
        await using var blocker = await app.Database.DataSource.OpenConnectionAsync(CancellationToken);
        await using var transaction = await blocker.BeginTransactionAsync(CancellationToken);
        await using (var block = blocker.CreateCommand())
        {
            block.CommandText = "LOCK TABLE roles IN SHARE MODE";
            await block.ExecuteNonQueryAsync(CancellationToken);
        }

        using var answer = await PostAsync(new ByteArrayContent(Groups), respondAsync: true);
        await RunningAsync(o =>
            o.GetProperty("progress") is { ValueKind: JsonValueKind.Object } p
            && p.GetProperty("phase").GetString() == "merging"
        );
        using var cancel = await admin.DeleteAsync(answer.Headers.Location, CancellationToken);
        await transaction.RollbackAsync(CancellationToken);
        var operation = await EndAsync(answer.Headers.Location);

        Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
        Assert.Equal("cancelled", operation.GetProperty("state").GetString());
        Assert.Equal(0, await GroupsAsync());
    }

    [Fact]
    public async Task An_export_that_waits_for_a_table_can_be_cancelled_and_is_given_up_after_a_while()
    {
        await using var blocker = await app.Database.DataSource.OpenConnectionAsync(CancellationToken);
        await using var transaction = await blocker.BeginTransactionAsync(CancellationToken);
        await using (var block = blocker.CreateCommand())
        {
            block.CommandText = "LOCK TABLE scores IN ACCESS EXCLUSIVE MODE";
            await block.ExecuteNonQueryAsync(CancellationToken);
        }

        var export = admin.GetAsync("/api/admin/export", CancellationToken);
        var operation = await RunningAsync(o => o.GetProperty("kind").GetString() == "export");
        var address = new Uri($"/api/admin/operations/{operation.GetProperty("id")}", UriKind.Relative);
        using var cancel = await admin.DeleteAsync(address, CancellationToken);
        using var answer = await export;
        var exporter = app.Services.GetRequiredService<FixtureExporter>();
        var impatient = new ExportOptions { LockWait = TimeSpan.FromMilliseconds(50) };
        var failure = await Xunit.Record.ExceptionAsync(() =>
            exporter.ExportAsync(Stream.Null, impatient, CancellationToken)
        );

        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Equal("cancelled", (await EndAsync(address)).GetProperty("state").GetString());
        Assert.Equal(DatabaseFault.Blocked, PostgresErrors.FaultOf(failure));
    }

    [Fact]
    public async Task An_operation_whose_process_was_killed_has_failed()
    {
        JsonElement operation;
        await using (var replica = ExactProcess.Serve(app.Database.ConnectionString))
        {
            await replica.WaitUntilReadyAsync();
            var body = new StreamContent(new GatedStream(Groups, new TaskCompletionSource().Task, Groups.Length / 2));
            _ = replica.Client.PostAsync("/api/admin/import", body, CancellationToken);
            operation = await RunningAsync(o => o.GetProperty("progress").ValueKind is JsonValueKind.Object);
            replica.Kill();
        }

        var ended = await EndAsync(new($"/api/admin/operations/{operation.GetProperty("id")}", UriKind.Relative));
        using var next = await PostAsync(new ByteArrayContent(Groups));

        Assert.Equal("failed", ended.GetProperty("state").GetString());
        Assert.Contains("Nothing was changed", ended.GetProperty("error").GetString());
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
    }

    [Fact]
    public async Task A_spooled_upload_has_no_name_in_any_folder()
    {
        var gate = new TaskCompletionSource();
        var import = PostAsync(
            new StreamContent(new GatedStream(Groups, gate.Task, Groups.Length / 2)),
            respondAsync: true
        );
        await RunningAsync(o => o.GetProperty("progress").ValueKind is JsonValueKind.Object);

        Assert.Empty(Directory.GetFiles(Path.GetTempPath(), "exact-upload-*"));
        gate.SetResult();
        using var answer = await import;
        Assert.Equal("succeeded", (await EndAsync(answer.Headers.Location)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task The_journal_is_read_in_pages()
    {
        for (var i = 0; i < 3; i++)
        {
            using var answer = await PostAsync(new ByteArrayContent(Groups));
        }

        using var first = await admin.GetAsync("/api/admin/operations?limit=2&count=true", CancellationToken);
        var next = first.Headers.GetValues("Link").Single().Split('<', '>')[1];
        var last = await admin.GetFromJsonAsync<JsonElement>(next, CancellationToken);

        Assert.Equal("3", first.Headers.GetValues("X-Total-Count").Single());
        Assert.Equal(2, (await first.Content.ReadFromJsonAsync<JsonElement>(CancellationToken)).GetArrayLength());
        Assert.Equal("import", last[0].GetProperty("kind").GetString());
        Assert.Equal(
            HttpStatusCode.NotFound,
            (await admin.GetAsync("/api/admin/operations/0", CancellationToken)).StatusCode
        );
    }

    private async Task<HttpResponseMessage> PostAsync(HttpContent body, bool respondAsync = false)
    {
        using var request = Request(body, respondAsync);
        return await app.Other.Client.SendAsync(request, CancellationToken);
    }

    private static HttpRequestMessage Request(HttpContent body, bool respondAsync)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/admin/import") { Content = body };
        if (respondAsync)
        {
            request.Headers.Add("Prefer", "respond-async");
        }

        return request;
    }

    /// <summary>Waits until an operation runs that is as far as this.</summary>
    private async Task<JsonElement> RunningAsync(Func<JsonElement, bool> isSoFar) =>
        await UntilAsync(async () =>
            (await admin.GetFromJsonAsync<JsonElement>("/api/admin/operations", CancellationToken))
                .EnumerateArray()
                .Where(o => o.GetProperty("state").GetString() == "running" && isSoFar(o))
                .Cast<JsonElement?>()
                .FirstOrDefault()
        );

    /// <summary>Waits until the operation has ended.</summary>
    private async Task<JsonElement> EndAsync(Uri? address) =>
        await UntilAsync(async () =>
            await admin.GetFromJsonAsync<JsonElement>(address, CancellationToken) is var operation
            && operation.GetProperty("state").GetString() != "running"
                ? operation
                : null
        );

    private static async Task<JsonElement> UntilAsync(Func<Task<JsonElement?>> look)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            if (await look() is { } found)
            {
                return found;
            }

            await Task.Delay(50, patience.Token);
        }
    }

    private Task<long> GroupsAsync() => app.Database.ScalarAsync<long>("SELECT count(*) FROM roles");
}
