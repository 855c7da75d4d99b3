using System.Net;
using System.Net.Http.Json;
using Exact.Tests.Support;

namespace Exact.Tests.Accounts;

/// <summary>Two replicas that have started together on a database that did not exist.</summary>
public sealed class AccountReplicaTests(AccountReplicaTests.Pair pair) : IClassFixture<AccountReplicaTests.Pair>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_cookie_of_one_replica_is_valid_at_the_other_and_they_share_one_key()
    {
        var (one, other) = (pair.CreateClient(0), pair.CreateClient(1));
        using var registered = await one.PostAsJsonAsync(
            "/api/account/register",
            AccountsApp.Registration("ada"),
            Cancellation
        );
        using var signedIn = await LoginAsync(one, "ada", AccountsApp.Password);
        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        other.DefaultRequestHeaders.Add("Cookie", cookie);

        using var account = await other.GetAsync("/api/account", Cancellation);

        Assert.Equal(HttpStatusCode.OK, account.StatusCode);
        Assert.Equal(1, await pair.Database.ScalarAsync<long>("SELECT count(*) FROM data_protection_keys"));
        Assert.DoesNotContain("XML encryptor", pair.Logs);
    }

    [Fact]
    public async Task Failures_at_one_replica_count_at_the_other()
    {
        var clients = new[] { pair.CreateClient(0), pair.CreateClient(1) };

        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 12; i++)
        {
            using var answer = await LoginAsync(clients[i % 2], "grace", "guess");
            statuses.Add(answer.StatusCode);
        }

        Assert.Equal(
            [
                .. Enumerable.Repeat(HttpStatusCode.Unauthorized, 10),
                HttpStatusCode.TooManyRequests,
                HttpStatusCode.TooManyRequests,
            ],
            statuses
        );
    }

    private static Task<HttpResponseMessage> LoginAsync(HttpClient client, string username, string password) =>
        client.PostAsJsonAsync("/api/account/login", new { username, password }, Cancellation);

    public sealed class Pair : IAsyncLifetime
    {
        private readonly MissingDatabase database = new();
        private Replicas replicas = null!;

        public TestDatabase Database => database;

        public string Logs => string.Join('\n', replicas.All.Select(one => one.Log));

        public HttpClient CreateClient(int replica) => new() { BaseAddress = replicas.All[replica].Client.BaseAddress };

        public async ValueTask InitializeAsync()
        {
            await database.InitializeAsync();
            replicas = Replicas.Start(2, database.ConnectionString, new Dictionary<string, string>());
            await replicas.WaitUntilReadyAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await replicas.DisposeAsync();
            await database.DisposeAsync();
        }
    }
}
