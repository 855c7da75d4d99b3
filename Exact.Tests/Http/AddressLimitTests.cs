using System.Net;
using System.Text;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using Microsoft.Extensions.DependencyInjection;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Http;

/// <summary>One client cannot take the service from the others.</summary>
public sealed class AddressLimitTests(ExactApp app) : IClassFixture<ExactApp>
{
    private const string Greedy = "192.0.2.1";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Imports_of_an_address_wait_and_are_then_refused_while_other_requests_are_served()
    {
        await using var host = app.WithWebHostBuilder(host => host.UseSetting("Requests:PerAddress", "2"));
        host.UseKestrel(0);
        host.StartServer();
        using var client = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = Wait.Limit })
        {
            BaseAddress = host.ClientOptions.BaseAddress,
        };
        await host.Services.GetRequiredService<SchemaState>().WhenReadyAsync(CancellationToken);
        var gate = new TaskCompletionSource();
        var uploads = Enumerable.Range(0, 2).Select(_ => new GatedStream(Groups(), gate.Task)).ToList();
        var imports = uploads.Select(upload => SendAsync(client, Greedy, new StreamContent(upload))).ToList();
        foreach (var upload in uploads)
        {
            await upload.Reading;
        }

        var waiting = Enumerable
            .Range(0, 21)
            .Select(_ => SendAsync(client, Greedy, path: "/api/admin/export"))
            .ToList();
        var first = await Task.WhenAny(waiting);
        var refused = await first;
        using var other = await SendAsync(client, "192.0.2.2", path: "/api/admin/export");
        using var shorter = await SendAsync(client, Greedy);
        using var health = await SendAsync(client, Greedy, path: "/health/ready");
        var served = waiting.Count(request => request.IsCompleted);
        gate.SetResult();
        foreach (var request in imports.Concat(waiting))
        {
            using var answer = await request;
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal("5", refused.Headers.RetryAfter?.ToString());
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType?.MediaType);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        Assert.Equal(HttpStatusCode.OK, shorter.StatusCode);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        Assert.Equal(1, served); // the refused one
        Assert.All(waiting.Except([first]), request => Assert.Equal(HttpStatusCode.OK, request.Result.StatusCode));
    }

    [Fact]
    public async Task Short_requests_of_an_address_wait_for_one_another()
    {
        await using var host = app.WithWebHostBuilder(host => host.UseSetting("Requests:PerAddress", "1"));
        using var client = host.CreateClient();
        await host.Services.GetRequiredService<SchemaState>().WhenReadyAsync(CancellationToken);
        await using var blocker = await app.Database.DataSource.OpenConnectionAsync(CancellationToken);
        await using var transaction = await blocker.BeginTransactionAsync(CancellationToken);
        await using (var block = blocker.CreateCommand())
        {
            block.CommandText = "LOCK TABLE challenges";
            await block.ExecuteNonQueryAsync(CancellationToken);
        }

        var requests = Enumerable.Range(0, 12).Select(_ => SendAsync(client, Greedy)).ToList();
        var refused = await await Task.WhenAny(requests);
        await transaction.RollbackAsync(CancellationToken);
        var answers = await Task.WhenAll(requests);

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(11, answers.Count(answer => answer.StatusCode is HttpStatusCode.OK));
    }

    private static byte[] Groups() => Encoding.UTF8.GetBytes(Fixture(Group()));

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient client,
        string sender,
        HttpContent? upload = null,
        string path = "/api/challenges"
    )
    {
        using var request = new HttpRequestMessage(
            upload is null ? HttpMethod.Get : HttpMethod.Post,
            upload is null ? path : "/api/admin/import"
        )
        {
            Content = upload,
            Headers = { { ExactApp.Sender, sender }, { "Authorization", $"Bearer {ExactApp.AdminKey}" } },
        };
        request.Headers.ExpectContinue = upload is not null; // it is read once it has been let in
        return await client.SendAsync(request, CancellationToken);
    }
}
