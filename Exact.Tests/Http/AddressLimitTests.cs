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
    public async Task An_address_that_has_its_share_waits_and_is_then_refused_while_others_are_served()
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

        var waiting = Enumerable.Range(0, 21).Select(_ => SendAsync(client, Greedy)).ToList();
        var first = await Task.WhenAny(waiting);
        var refused = await first;
        using var other = await SendAsync(client, "192.0.2.2");
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
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        Assert.Equal(1, served); // the refused one
        Assert.All(waiting.Except([first]), request => Assert.Equal(HttpStatusCode.OK, request.Result.StatusCode));
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
