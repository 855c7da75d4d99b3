using System.Collections.Concurrent;
using System.Net;

namespace Exact.Tests.Support;

/// <summary>Reads and writes all the time, and remembers the answers.</summary>
internal sealed class SteadyLoad : IAsyncDisposable
{
    private const string Challenges = "/api/challenges";

    private readonly CancellationTokenSource ending = new();
    private readonly ConcurrentDictionary<string, long> seen = new();
    private readonly ConcurrentDictionary<HttpStatusCode, bool> lately = new();
    private readonly Task[] running;

    public SteadyLoad(HttpClient client)
    {
        running =
        [
            .. Enumerable.Range(0, 4).Select(_ => RunAsync("GET", () => client.GetAsync(Challenges))),
            RunAsync(
                "PATCH",
                () =>
                    client.PatchAsync(
                        $"{Challenges}/c1",
                        new StringContent("""{"title": "changed"}""", null, "application/json")
                    )
            ),
        ];
    }

    /// <summary>The answers, as <c>GET 200</c>.</summary>
    public HashSet<string> Seen => [.. seen.Keys];

    /// <summary>How often each answer came.</summary>
    public IReadOnlyDictionary<string, long> Counts => seen;

    /// <summary>Forgets what was answered last.</summary>
    public void Forget() => lately.Clear();

    public Task HasAnsweredAsync(HttpStatusCode status) =>
        Wait.UntilAsync(() => Task.FromResult(lately.ContainsKey(status)), $"an answer is {status}");

    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        await Task.WhenAll(running);
        ending.Dispose();
    }

    private async Task RunAsync(string name, Func<Task<HttpResponseMessage>> send)
    {
        while (!ending.IsCancellationRequested)
        {
            using var answer = await send();
            var hasAdvice = answer.StatusCode is HttpStatusCode.OK || answer.Headers.RetryAfter is not null;
            seen.AddOrUpdate(
                $"{name} {(int)answer.StatusCode}{(hasAdvice ? "" : " without Retry-After")}",
                1,
                (_, count) => count + 1
            );
            lately[answer.StatusCode] = true;
        }
    }
}
