using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Threading.RateLimiting;
using Exact.Infrastructure.Accounts;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Accounts;

/// <summary>Few passwords are hashed at a time, so that a flood of sign-ins does not stop everything else.</summary>
public sealed class PasswordGateTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sign_ins_wait_for_a_turn_the_queue_has_an_end_and_reads_go_on()
    {
        var gate = app.Services.GetRequiredService<PasswordGate>();
        using var client = app.CreateClient();
        var turns = new List<IDisposable>();
        for (var i = 0; i < PasswordGate.Permits; i++)
        {
            turns.Add(await gate.EnterAsync(Address(i), Cancellation));
        }

        var waiting = SignInAsync(client);
        await Wait.UntilAsync(() => Task.FromResult(gate.Waiting == 1), "a sign-in waits");
        using var leave = new CancellationTokenSource();
        var others = Enumerable
            .Range(PasswordGate.Permits, PasswordGate.Places - 1)
            .Select(i => gate.EnterAsync(Address(i), leave.Token))
            .ToArray();
        using var refused = await SignInAsync(client);
        using var notRegistered = await client.PostAsJsonAsync(
            "/api/account/register",
            AccountsApp.Registration(app.NewName()),
            Cancellation
        );
        using var read = await client.GetAsync("/api/challenges", Cancellation);

        Assert.False(waiting.IsCompleted);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("1", refused.Headers.GetValues("Retry-After").Single());
        Assert.Contains("Too many people are signing in.", await refused.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, notRegistered.StatusCode);
        Assert.Equal(HttpStatusCode.OK, read.StatusCode);

        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(others));
        turns.ForEach(turn => turn.Dispose());
        using var answer = await waiting;
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    /// <summary>What divides limiters by network disposes those that nobody has used for a while.</summary>
    [Fact]
    public async Task After_a_while_without_a_sign_in_the_next_one_gets_a_turn()
    {
        using var gate = new PasswordGate();
        using var idle = new IdleLimiter();
        await using var partitions = PartitionedRateLimiter.Create<int, int>(_ => RateLimitPartition.Get(0, _ => idle));
        (await gate.EnterAsync(Address(1), Cancellation)).Dispose();
        partitions.AttemptAcquire(0).Dispose();
        await idle.Disposed.WaitAsync(Wait.Limit, Cancellation);

        (await gate.EnterAsync(Address(1), Cancellation)).Dispose();
    }

    [Fact]
    public async Task One_network_cannot_take_the_places_of_the_others()
    {
        var gate = app.Services.GetRequiredService<PasswordGate>();
        using var leave = new CancellationTokenSource();
        var ofNetwork = Enumerable
            .Range(0, PasswordGate.Share)
            .Select(i => gate.EnterAsync(new IPAddress([203, 0, 113, (byte)i]), leave.Token))
            .ToList();
        using var client = app.CreateClient();

        var before = await CountAsync();
        using var refused = await SignInAsync(client, "203.0.113.200");
        var registered = client.PostAsJsonAsync(
            "/api/account/register",
            AccountsApp.Registration(app.NewName()),
            Cancellation
        );
        var elsewhere = SignInAsync(client, "198.51.100.1");
        await Wait.UntilAsync(
            () => Task.FromResult(gate.Waiting == PasswordGate.Share - PasswordGate.Permits + 2),
            "the requests of other networks wait"
        );
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(ofNetwork));
        ofNetwork.Where(turn => turn.IsCompletedSuccessfully).ToList().ForEach(turn => turn.Result.Dispose());

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        using var made = await registered;
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using var served = await elsewhere;
        Assert.Equal(HttpStatusCode.Unauthorized, served.StatusCode);
        Assert.Equal(before + 2, await CountAsync()); // one failure of a name and a network: nobody looked at the other
    }

    [Fact]
    public async Task A_network_that_fails_at_many_names_has_to_wait_and_no_other()
    {
        var throttle = app.Services.GetRequiredService<SignInThrottle>();
        var address = IPAddress.Parse("192.88.99.7");
        for (var i = 0; i <= SignInThrottle.PermittedOfNetwork; i++)
        {
            var count = await throttle.CountAsync($"guess{i}", address, Cancellation);
            Assert.Equal(i == SignInThrottle.PermittedOfNetwork, count.Wait is not null);
        }

        using var client = app.CreateClient();
        using var refused = await SignInAsync(client, "192.88.99.200");
        using var elsewhere = await SignInAsync(client, "198.51.100.1");
        for (var i = 0; i < 3; i++)
        {
            await throttle.ForgetAsync($"guess{i}", address, Cancellation); // three of them were right
        }

        using var allowed = await SignInAsync(client, "192.88.99.200");

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal(HttpStatusCode.Unauthorized, elsewhere.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, allowed.StatusCode);
    }

    private Task<long> CountAsync() =>
        app.Database.ScalarAsync<long>("SELECT coalesce(sum(count), 0) FROM failed_sign_ins");

    /// <summary>Each of another network.</summary>
    private static IPAddress Address(int i) => new([10, 0, (byte)i, 1]);

    private async Task<HttpResponseMessage> SignInAsync(HttpClient client, string sender = "192.0.2.1")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/account/login")
        {
            Content = JsonContent.Create(new { username = app.NewName(), password = AccountsApp.Password }),
            Headers = { { ExactApp.Sender, sender } },
        };
        return await client.SendAsync(request, Cancellation);
    }

    /// <summary>A limiter that is never in use, and says when it is disposed for that.</summary>
    private sealed class IdleLimiter : RateLimiter
    {
        private readonly TaskCompletionSource disposed = new();
        private readonly long since = Stopwatch.GetTimestamp();

        public Task Disposed => disposed.Task;

        /// <summary>A little less than in truth, so that others are disposed before.</summary>
        public override TimeSpan? IdleDuration => Stopwatch.GetElapsedTime(since) - TimeSpan.FromSeconds(1);

        public override RateLimiterStatistics? GetStatistics() => null;

        protected override RateLimitLease AttemptAcquireCore(int permitCount) => new Lease();

        protected override ValueTask<RateLimitLease> AcquireAsyncCore(
            int permitCount,
            CancellationToken cancellationToken
        ) => new(new Lease());

        protected override void Dispose(bool disposing)
        {
            disposed.TrySetResult();
            base.Dispose(disposing);
        }

        private sealed class Lease : RateLimitLease
        {
            public override bool IsAcquired => true;

            public override IEnumerable<string> MetadataNames => [];

            public override bool TryGetMetadata(string metadataName, out object? metadata)
            {
                metadata = null;
                return false;
            }
        }
    }
}
