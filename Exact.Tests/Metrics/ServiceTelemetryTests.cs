using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using Exact.Infrastructure;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Submissions;
using Exact.Tests.Accounts;
using Exact.Tests.Submissions;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Metrics;

/// <summary>What the service does is counted once, whatever the workers and the clients do.</summary>
public sealed class ServiceTelemetryTests(SubmissionsApp app) : IClassFixture<SubmissionsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Submissions_are_counted_from_the_queue_to_their_end()
    {
        var queue = app.Services.GetRequiredService<SubmissionQueue>();
        using var measured = new Measurements(app.Services);
        using var spans = new Spans();
        var challenge = await app.ChallengeAsync();
        app.Bob.DefaultRequestHeaders.Add("traceparent", spans.Parent);
        for (var i = 0; i < 3; i++)
        {
            await app.SubmitAsync(challenge);
        }

        app.Bob.DefaultRequestHeaders.Remove("traceparent");
        using var reports = spans.Continue();
        await queue.MeasureAsync(Cancellation);
        var lost = await ClaimAsync();
        await app.Database.ExecuteAsync(
            "UPDATE submissions SET lease_until = now() - interval '1 s' WHERE attempts = 1"
        );
        var taken = await ClaimAsync();
        await queue.CompleteAsync(lost.SubmissionId, lost.Lease, new(1, 0, 1, 0), null, Cancellation); // is stale
        await queue.CompleteAsync(taken.SubmissionId, taken.Lease, new(1, 0, 1, 0), null, Cancellation);
        await queue.CompleteAsync(taken.SubmissionId, taken.Lease, new(1, 0, 1, 0), null, Cancellation); // once more
        var failing = await ClaimAsync();
        await queue.FailAsync(failing.SubmissionId, failing.Lease, "no output", null, Cancellation);
        var hopeless = await ClaimAsync();
        await app.Database.ExecuteAsync(
            $"UPDATE submissions SET attempts = 3, lease_until = now() WHERE id = {hopeless.SubmissionId}"
        );
        Assert.Null(await queue.ClaimAsync("worker", [], Cancellation));
        await queue.MeasureAsync(Cancellation);

        Assert.Equal(
            [
                .. Enumerable.Repeat($"exact.submission {challenge} accepted Unset", 3),
                "exact.evaluation.report  refused Unset",
                "exact.evaluation.report  completed Unset",
                "exact.evaluation.report  unchanged Unset",
                "exact.evaluation.report  failed Unset",
            ],
            spans.Of("exact.challenge", "outcome")
        );
        Assert.All(spans.All, span => Assert.NotNull(span.GetTagItem("exact.submission")));
        Assert.Equal(3, measured.Sum("exact.submissions.accepted"));
        Assert.Equal(4, measured.Sum("exact.submissions.claimed"));
        Assert.Equal(3, measured.Of("exact.submissions.wait").Count);
        Assert.Equal(2, measured.Sum("exact.submissions.leases.lost"));
        Assert.Equal(1, measured.Sum("exact.submissions.writes.refused"));
        Assert.Equal(1, measured.Sum("exact.submissions.ended completed"));
        Assert.Equal(1, measured.Sum("exact.submissions.ended failed"));
        Assert.Equal(1, measured.Sum("exact.submissions.ended given_up"));
        Assert.Equal([3, 0], measured.Of("exact.submissions.queue.length pending"));
        Assert.Equal([0, 0], measured.Of("exact.submissions.queue.length running"));
        Assert.True(measured.Of("exact.submissions.queue.age") is [> 0, 0]);

        async Task<Claim> ClaimAsync() => (await queue.ClaimAsync("worker", [], Cancellation))!;
    }

    [Fact]
    public async Task Imports_and_exports_are_counted_by_outcome_and_leave_a_span_in_the_trace_of_their_request()
    {
        using var spans = new Spans();
        using var measured = new Measurements(app.Services);

        await SendAsync(HttpMethod.Post, "/api/admin/import", Fixture(Group()));
        await SendAsync(HttpMethod.Post, "/api/admin/import", "[{]");
        await SendAsync(HttpMethod.Get, "/api/admin/export");

        Assert.Equal(
            [
                "exact.import admin-key succeeded Unset",
                "exact.import admin-key failed Error",
                "exact.export admin-key succeeded Unset",
            ],
            spans.Of("exact.actor", "outcome")
        );
        Assert.All(spans.All, span => Assert.NotNull(span.GetTagItem("exact.operation")));
        Assert.Equal(1, measured.Sum("exact.operations.ended import succeeded"));
        Assert.Equal(1, measured.Sum("exact.operations.ended import failed"));
        Assert.Equal(0, measured.Sum("exact.operations.ended import cancelled"));
        Assert.Equal(1, measured.Sum("exact.operations.ended export succeeded"));
        Assert.Single(measured.Of("exact.operations.duration export succeeded"));
        Assert.Equal([1, -1], measured.Of("exact.operations.running export"));

        async Task SendAsync(HttpMethod method, string path, string? fixture = null)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Add("traceparent", spans.Parent);
            request.Content = fixture is null ? null : new StringContent(fixture, Encoding.UTF8, "application/json");
            using var answer = await app.Admin.SendAsync(request, Cancellation);
            await answer.Content.ReadAsByteArrayAsync(Cancellation);
        }
    }

    [Fact]
    public async Task Sign_ins_are_counted_by_outcome()
    {
        var gate = app.Services.GetRequiredService<PasswordGate>();
        using var measured = new Measurements(app.Services);
        using var spans = new Spans();
        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Add("traceparent", spans.Parent);

        Assert.Equal(HttpStatusCode.OK, await SignInAsync(AccountsApp.Password));
        Assert.Equal(HttpStatusCode.Unauthorized, await SignInAsync("wrong"));
        await app.Database.ExecuteAsync("UPDATE failed_sign_ins SET count = 10");
        Assert.Equal(HttpStatusCode.TooManyRequests, await SignInAsync("wrong"));
        await app.Database.ExecuteAsync("DELETE FROM failed_sign_ins");
        using var leave = new CancellationTokenSource();
        var turns = Enumerable
            .Range(0, PasswordGate.Permits + PasswordGate.Places)
            .Select(i => gate.EnterAsync(new IPAddress([10, 0, (byte)i, 1]), leave.Token))
            .ToList();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await SignInAsync(AccountsApp.Password));
        await leave.CancelAsync();
        turns.Where(turn => turn.IsCompletedSuccessfully).ToList().ForEach(turn => turn.Result.Dispose());

        string[] outcomes = ["succeeded", "failed", "throttled", "overloaded"];
        Assert.All(outcomes, outcome => Assert.Equal(1, measured.Sum($"exact.sign_ins {outcome}")));
        Assert.Equal(outcomes.Select(outcome => $"exact.sign_in {outcome} Unset"), spans.Of("outcome"));
        Assert.All(spans.All, span => Assert.Single(span.TagObjects));

        async Task<HttpStatusCode> SignInAsync(string password)
        {
            using var answer = await client.PostAsJsonAsync(
                "/api/account/login",
                new { username = "bob", password },
                Cancellation
            );
            return answer.StatusCode;
        }
    }

    /// <summary>The spans of one trace, in the order in which they ended.</summary>
    private sealed class Spans : IDisposable
    {
        private readonly ActivityTraceId trace = ActivityTraceId.CreateRandom();
        private readonly ConcurrentQueue<Activity> ended = new();
        private readonly ActivityListener listener;

        public Spans()
        {
            listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == Telemetry.Name,
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
                ActivityStopped = span =>
                {
                    if (span.TraceId == trace)
                    {
                        ended.Enqueue(span);
                    }
                },
            };
            ActivitySource.AddActivityListener(listener);
        }

        public IReadOnlyList<Activity> All => [.. ended];

        /// <summary>What a client of this trace sends as <c>traceparent</c>.</summary>
        public string Parent => $"00-{trace}-{ActivitySpanId.CreateRandom()}-01";

        /// <summary>Their names, these tags and their states.</summary>
        public IEnumerable<string> Of(params string[] tags) =>
            ended.Select(span => string.Join(' ', [span.OperationName, .. tags.Select(span.GetTagItem), span.Status]));

        /// <summary>Makes what the caller does part of the trace.</summary>
        public Activity Continue() => new Activity("test").SetParentId(Parent).Start();

        public void Dispose() => listener.Dispose();
    }
}
