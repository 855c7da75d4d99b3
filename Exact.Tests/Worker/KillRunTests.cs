using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Submissions;
using Exact.Tests.Support;

namespace Exact.Tests.Worker;

/// <summary>Real workers are killed at random, and the server once; bench/work.sh runs it with more submissions.</summary>
public sealed class KillRunTests(MigratedTemplate template) : IAsyncLifetime
{
    private const int Workers = 4;

    private static readonly int Submissions = int.Parse(
        Environment.GetEnvironmentVariable("EXACT_KILL_RUN") ?? "16",
        CultureInfo.InvariantCulture
    );

    private readonly MigratedDatabase database = new(template);
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("exact-kill-run-");
    private readonly string address = $"http://127.0.0.1:{FreePort.Find()}";
    private readonly List<ExactProcess> processes = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await database.InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(processes.Select(process => process.DisposeAsync().AsTask()));
        await database.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Each_submission_gets_one_result_although_workers_and_the_server_are_killed()
    {
        var server = Serve();
        await WaitForServerAsync();
        await database.ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('a', 'A', '', now(), 'ada'), ('b', 'B', '', now(), 'ada');
            INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores, total_limit)
            VALUES ('a', '', false, {Submissions}), ('b', '', false, {Submissions});
            CREATE TABLE results (score_id bigint, status text, at timestamptz DEFAULT clock_timestamp());
            CREATE FUNCTION log_result() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO results (score_id, status) VALUES (new.id, new.status); RETURN NULL; END';
            CREATE TRIGGER log_result AFTER UPDATE ON scores FOR EACH ROW
                WHEN (new.status IN ('completed', 'failed')) EXECUTE FUNCTION log_result();
            """
        );
        await SubmitAllAsync();

        var workers = Enumerable.Range(0, Workers).Select(_ => Work()).ToList();
        var random = new Random(7);
        var (kills, started) = (0, TimeProvider.System.GetTimestamp());
        while (await CountAsync("scores WHERE status IN ('pending', 'running')") is > 0 and var left)
        {
            if (kills < Submissions / 4 && await CountAsync("submissions WHERE lease_until > now()") > 0)
            {
                var victim = random.Next(Workers);
                workers[victim].Kill();
                workers[victim] = Work();
                kills++;
            }

            if (server is not null && left <= Submissions / 2)
            {
                server.Kill();
                server = null;
                Serve();
            }

            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(100, 600)), Cancellation);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{Submissions} submissions, {kills} workers killed, {(server is null ? 1 : 0)} restart of the server, "
                + $"{await database.ScalarAsync<long>("SELECT sum(attempts)::bigint FROM submissions")} attempts, "
                + $"{await CountAsync("scores WHERE status = 'failed'")} failed, "
                + $"{TimeProvider.System.GetElapsedTime(started).TotalSeconds:0} s"
        );
        Assert.Null(server);
        Assert.True(kills > 0);
        Assert.Equal(Submissions, await CountAsync("results"));
        Assert.Equal(Submissions, await CountAsync("(SELECT DISTINCT score_id FROM results) one"));
        Assert.Equal(0, await CountAsync("scores WHERE status = 'completed' AND emd_score IS DISTINCT FROM 0.5"));
        Assert.Equal(
            await CountAsync("scores WHERE status = 'completed'"),
            await CountAsync("submissions WHERE counts")
        );

        foreach (var worker in workers)
        {
            await worker.SignalAsync("TERM");
            Assert.Equal(0, await worker.WaitForExitAsync());
        }
    }

    private async Task SubmitAllAsync()
    {
        using var client = await SubmissionsApp.RegisterAsync(new HttpClient { BaseAddress = new(address) }, "bob");
        for (var i = 0; i < Submissions; i++)
        {
            using var answer = await SubmissionsApp.SubmitAsync(client, i % 2 == 0 ? "a" : "b");
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        }

        var allowance = await client.GetFromJsonAsync<JsonElement>("/api/challenges/a/allowance", Cancellation);
        Assert.Equal(Submissions - ((Submissions + 1) / 2), allowance.GetProperty("left").GetInt32());
    }

    private ExactProcess Serve()
    {
        var server = ExactProcess.Serve(
            database.ConnectionString,
            new Dictionary<string, string>
            {
                ["ASPNETCORE_URLS"] = address,
                ["Files__Folder"] = Path.Combine(folder.FullName, "files"),
                ["Submissions__Lease"] = "00:00:03",
                ["Submissions__MaxAttempts"] = "10",
            }
        );
        processes.Add(server);
        return server;
    }

    private ExactProcess Work()
    {
        var worker = ExactProcess.Serve(
            database.ConnectionString,
            new Dictionary<string, string> { ["EXACT_TOKEN"] = ExactApp.AdminKey },
            "work",
            "--server",
            address,
            "--folder",
            folder.FullName,
            "--metric",
            "emd=sleep 0.3; echo '{\"emd_score\": 0.5}'"
        );
        processes.Add(worker);
        return worker;
    }

    private async Task WaitForServerAsync()
    {
        using var client = new HttpClient { BaseAddress = new(address) };
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    using var answer = await client.GetAsync("/health/ready", Cancellation);
                    return answer.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the server is ready"
        );
    }

    private Task<long> CountAsync(string what) => database.ScalarAsync<long>($"SELECT count(*) FROM {what}");
}
