using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using Exact.Api.Access;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Access;

/// <summary>Somebody guesses the admin key.</summary>
public sealed class WrongKeyTests(ExactApp app) : IClassFixture<ExactApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Only_an_address_that_guesses_has_to_wait()
    {
        var answers = await GuessAsync("192.0.2.1", times: 40);

        Assert.Equal(10, answers.Count(answer => answer.Status is HttpStatusCode.Unauthorized));
        Assert.All(
            answers.Where(answer => answer.Status is not HttpStatusCode.Unauthorized),
            answer => Assert.Equal((HttpStatusCode.TooManyRequests, true), (answer.Status, answer.Wait > TimeSpan.Zero))
        );
        Assert.Equal(HttpStatusCode.TooManyRequests, (await AskAsync("192.0.2.1", ExactApp.AdminKey)).Status);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync("192.0.2.2", ExactApp.AdminKey)).Status);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync("192.0.2.1", "guess", "/api/challenges")).Status);
    }

    [Fact]
    public async Task Right_keys_cost_nothing()
    {
        for (var i = 0; i < 30; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await AskAsync("192.0.2.3", ExactApp.AdminKey)).Status);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync("192.0.2.3", "guess")).Status);
    }

    [Fact]
    public async Task Guesses_at_an_open_endpoint_count_too()
    {
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await AskAsync("192.0.2.4", "guess", "/health/ready")).Status);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, (await AskAsync("192.0.2.4", "guess")).Status);
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("192.0.2.9", "::ffff:192.0.2.9", true)]
    [InlineData("192.0.2.9", "192.0.2.10", false)]
    public void Addresses_of_one_network_of_64_bits_count_as_one(string one, string other, bool together) =>
        Assert.Equal(
            together,
            WrongKeys.PartitionOf(IPAddress.Parse(one)) == WrongKeys.PartitionOf(IPAddress.Parse(other))
        );

    [Fact]
    public void The_number_of_counters_is_bounded() =>
        Assert.All(
            Enumerable.Range(0, 1000).Select(_ => new IPAddress(Random.Shared.NextInt64(uint.MaxValue))),
            address => Assert.InRange(WrongKeys.PartitionOf(address), 0, 65_535)
        );

    [Fact]
    public async Task Refused_keys_are_counted_by_reason()
    {
        var counts = new ConcurrentDictionary<string, long>();
        var factory = app.Services.GetRequiredService<IMeterFactory>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "exact.admin.key.refused" && ReferenceEquals(instrument.Meter.Scope, factory))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (_, value, tags, _) => counts.AddOrUpdate($"{tags[0].Value}", value, (_, before) => before + value)
        );
        listener.Start();

        await GuessAsync("192.0.2.5", times: 13);

        Assert.Equal((10, 3), (counts["wrong"], counts["throttled"]));
    }

    [Fact]
    public async Task A_guesser_is_logged_a_few_times_and_accepted_after_the_wait()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        await using var replica = ExactProcess.Serve(database.ConnectionString);
        await replica.WaitUntilReadyAsync();
        using var guesser = new HttpClient { BaseAddress = replica.Client.BaseAddress };
        guesser.DefaultRequestHeaders.Authorization = new("Bearer", "guess");
        for (var i = 0; i < 100; i++)
        {
            using var answer = await guesser.GetAsync("/api/admin/migrations", Cancellation);
        }

        await replica.WaitForLogAsync("100 so far");
        await replica.WaitUntilAsync("/api/admin/migrations", HttpStatusCode.OK, TimeSpan.FromSeconds(90));

        var lines = replica
            .Log.Split('\n')
            .Where(line => line.Contains("Refused an admin key", StringComparison.Ordinal));
        Assert.Equal(["1 so far", "10 so far", "100 so far"], lines.Select(line => line.Split(", ")[^1]));
        Assert.All(lines, line => Assert.Contains("from 127.0.0.1", line));
        Assert.DoesNotContain("challenged", replica.Log);
        Assert.DoesNotContain("guess", replica.Log);
    }

    private async Task<IReadOnlyList<(HttpStatusCode Status, TimeSpan? Wait)>> GuessAsync(string sender, int times) =>
        await Task.WhenAll(Enumerable.Range(0, times).Select(i => AskAsync(sender, $"guess {i}")));

    private async Task<(HttpStatusCode Status, TimeSpan? Wait)> AskAsync(
        string sender,
        string key,
        string path = "/api/admin/migrations"
    )
    {
        using var client = app.CreateClient();
        client.DefaultRequestHeaders.Add(ExactApp.Sender, sender);
        client.DefaultRequestHeaders.Authorization = new("Bearer", key);
        using var answer = await client.GetAsync(path, Cancellation);
        Assert.Equal(
            answer.IsSuccessStatusCode,
            answer.Content.Headers.ContentType?.MediaType is not "application/problem+json"
        );
        return (answer.StatusCode, answer.Headers.RetryAfter?.Delta);
    }
}
