using System.Text.RegularExpressions;
using Exact.Domain;
using Exact.Infrastructure.Submissions;
using Npgsql;

namespace Exact.Tests.Submissions;

public sealed class SubmissionQueueTests(QueueDatabase database) : IClassFixture<QueueDatabase>, IAsyncLifetime
{
    private static readonly Measurement Good = new(0.5, 0.1, null, null);

    private SubmissionQueue Queue => database.Queue;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.ClearAsync();
        await database.ChallengeAsync("a");
        await database.ChallengeAsync("b");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task The_challenge_with_the_fewest_evaluations_comes_first_and_then_the_oldest()
    {
        long[] ofA =
        [
            await database.SubmitAsync("a"),
            await database.SubmitAsync("a"),
            await database.SubmitAsync("a"),
        ];
        var ofB = await database.SubmitAsync("b");

        Assert.Equal(new long?[] { ofA[0], ofB, ofA[1], ofA[2], null }, await ClaimAsync(5));
    }

    [Fact]
    public async Task Many_workers_at_once_get_each_submission_once()
    {
        for (var i = 0; i < 20; i++)
        {
            await database.SubmitAsync(i % 3 == 0 ? "a" : "b");
        }

        var claims = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Queue.ClaimAsync("w", [], Cancellation)));

        // Two that look at the same row at the same moment may leave another for the next look.
        var got = claims.OfType<Claim>().Select(claim => claim.SubmissionId).ToList();
        got.AddRange((await ClaimAsync(20)).OfType<long>());
        Assert.Equal(20, got.Count);
        Assert.Equal(20, got.Distinct().Count());
    }

    [Fact]
    public async Task A_lease_that_has_ended_is_taken_over_and_the_old_one_is_stale()
    {
        var id = await database.SubmitAsync("a");
        var lost = await ClaimAsync();
        await database.ExpireAsync(id);
        var taken = await ClaimAsync();

        Assert.Equal(2, taken.Attempt);
        Assert.Equal(LeaseAnswer.Stale, await Queue.CompleteAsync(id, lost.Lease, Good, null, Cancellation));
        Assert.Equal(LeaseAnswer.Stale, await Queue.FailAsync(id, lost.Lease, "no", null, Cancellation));
        Assert.Equal(LeaseAnswer.Stale, await Queue.ReleaseAsync(id, lost.Lease, null, null, Cancellation));
        Assert.Equal(LeaseAnswer.Stale, (await Queue.HeartbeatAsync(id, lost.Lease, Cancellation)).Answer);
        Assert.Equal("running 2 counts", await database.StateAsync(id));
        Assert.Equal(LeaseAnswer.Done, await Queue.CompleteAsync(id, taken.Lease, Good, null, Cancellation));
        Assert.Equal("completed 2 counts 0.5", await database.StateAsync(id));
        Assert.Equal(LeaseAnswer.Missing, await Queue.FailAsync(id + 1, taken.Lease, "no", null, Cancellation));
    }

    [Fact]
    public async Task A_heartbeat_prolongs_the_lease_even_if_it_has_just_ended()
    {
        var id = await database.SubmitAsync("a");
        var claim = await ClaimAsync();
        await database.ExpireAsync(id);

        var (answer, until) = await Queue.HeartbeatAsync(id, claim.Lease, Cancellation);

        Assert.Equal(LeaseAnswer.Done, answer);
        Assert.True(until >= claim.LeaseUntil);
        Assert.Null(await Queue.ClaimAsync("w", [], Cancellation));
    }

    [Fact]
    public async Task The_same_result_may_be_sent_again_and_another_is_refused()
    {
        var id = await database.SubmitAsync("a");
        var claim = await ClaimAsync();

        Assert.Equal(LeaseAnswer.Done, await Queue.CompleteAsync(id, claim.Lease, Good, "log", Cancellation));
        Assert.Equal(LeaseAnswer.Done, await Queue.CompleteAsync(id, claim.Lease, Good, "log", Cancellation));
        var other = Good with { EmdScore = 0.6 };
        Assert.Equal(LeaseAnswer.Stale, await Queue.CompleteAsync(id, claim.Lease, other, null, Cancellation));
        Assert.Equal(
            LeaseAnswer.Stale,
            await Queue.CompleteAsync(id, claim.Lease, Good with { EmdStd = null }, null, Cancellation)
        );
        Assert.Equal(LeaseAnswer.Stale, await Queue.FailAsync(id, claim.Lease, "no", null, Cancellation));
        Assert.Equal("completed 1 counts 0.5", await database.StateAsync(id));
    }

    [Fact]
    public async Task A_failure_of_the_method_ends_the_evaluation_and_counts()
    {
        var id = await database.SubmitAsync("a");
        var claim = await ClaimAsync();
        var log = $"{new string('x', 20_000)} the end\0\ud800";

        Assert.Equal(LeaseAnswer.Done, await Queue.FailAsync(id, claim.Lease, "It\0raised", log, Cancellation));
        Assert.Equal(LeaseAnswer.Done, await Queue.FailAsync(id, claim.Lease, "It\0raised", log, Cancellation));

        Assert.Equal("failed 1 counts", await database.StateAsync(id));
        Assert.Null(await Queue.ClaimAsync("w", [], Cancellation));
        var kept = await database.ScalarAsync<string>($"SELECT log FROM submissions WHERE id = {id}");
        Assert.EndsWith(" the end\ufffd\ufffd", kept, StringComparison.Ordinal);
        Assert.Equal(LogText.MaxLength + 1, kept!.Length);
    }

    [Theory]
    [InlineData("lost")]
    [InlineData("blamed on the machine")]
    public async Task After_three_failures_of_the_infrastructure_it_fails_and_does_not_count(string how)
    {
        var id = await database.SubmitAsync("a");
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            var claim = await ClaimAsync();
            Assert.Equal(attempt, claim.Attempt);
            if (how is "lost")
            {
                await database.ExpireAsync(id);
            }
            else
            {
                Assert.Equal(
                    LeaseAnswer.Done,
                    await Queue.ReleaseAsync(id, claim.Lease, "no disk", null, Cancellation)
                );
            }
        }

        Assert.Null(await Queue.ClaimAsync("w", [], Cancellation));
        Assert.Equal("failed 3 free", await database.StateAsync(id));
        Assert.StartsWith(
            SubmissionQueue.GivenUp,
            await database.ScalarAsync<string>("SELECT error_message FROM scores"),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_submission_that_is_given_back_without_a_fault_keeps_its_attempts()
    {
        var id = await database.SubmitAsync("a");
        var failed = await ClaimAsync();
        await Queue.ReleaseAsync(id, failed.Lease, "no disk", null, Cancellation);
        for (var round = 0; round < 4; round++)
        {
            var claim = await ClaimAsync();
            Assert.Equal(2, claim.Attempt);
            Assert.Equal(LeaseAnswer.Done, await Queue.ReleaseAsync(id, claim.Lease, null, null, Cancellation));
        }

        Assert.Equal("pending 1 counts", await database.StateAsync(id));
    }

    [Fact]
    public async Task A_claim_names_what_is_missing_and_a_value_that_is_there_is_kept()
    {
        var id = await database.SubmitAsync("a");
        var first = await ClaimAsync();
        Assert.Equal([Metric.Emd, Metric.Ima], first.Metrics);
        await Queue.CompleteAsync(id, first.Lease, new(0.5, 0.1, 0.25, 0.2), null, Cancellation);
        await database.ExecuteAsync(
            "UPDATE scores SET status = 'pending', ima_score = NULL, ima_std = NULL; UPDATE submissions SET lease = NULL"
        );

        var second = await ClaimAsync();
        await Queue.CompleteAsync(id, second.Lease, new(0.9, null, 0.75, null), null, Cancellation);

        Assert.Equal([Metric.Ima], second.Metrics);
        Assert.Equal(
            "completed 0.5 0.5 0.1 0.75 -",
            await database.ScalarAsync<string>(
                "SELECT concat_ws(' ', status, score, emd_score, emd_std, ima_score, coalesce(ima_std::text, '-')) FROM scores"
            )
        );
    }

    [Fact]
    public async Task A_worker_of_one_metric_is_asked_for_that_one()
    {
        await database.SubmitAsync("a");

        Assert.Equal([Metric.Emd], (await Queue.ClaimAsync("w", [Metric.Emd], Cancellation))!.Metrics);
    }

    [Fact]
    public async Task A_worker_gets_only_scores_that_lack_one_of_its_metrics()
    {
        var id = await database.SubmitAsync("a");
        await database.ExecuteAsync("UPDATE scores SET score = 0.5, emd_score = 0.5");

        Assert.Null(await Queue.ClaimAsync("w", [Metric.Emd], Cancellation));
        var claim = await Queue.ClaimAsync("w", [Metric.Ima], Cancellation);
        await Queue.CompleteAsync(id, claim!.Lease, new(null, null, -0.25, null), null, Cancellation);
        Assert.Equal(
            "0.5 -0.25",
            await database.ScalarAsync<string>("SELECT concat_ws(' ', emd_score, ima_score) FROM scores")
        );
    }

    [Fact]
    public async Task A_claim_reads_the_index_of_the_queue_and_not_the_finished_scores()
    {
        await database.ExecuteAsync(
            """
            ALTER TABLE scores DISABLE TRIGGER USER;
            INSERT INTO scores (username, challenge_id, score, emd_score, created_at, status)
            SELECT 'p' || i % 500, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, 0.5, 0.5, now(), 'completed'
            FROM generate_series(1, 100000) i;
            ALTER TABLE scores ENABLE TRIGGER USER;
            INSERT INTO submissions (score_id, file, size, sha256, original_name, attempts, counts, queued_at, lease)
            SELECT id, 'file', 1, '', 'method.py', 1, true, now(), gen_random_uuid() FROM scores;
            """
        );
        await database.SubmitAsync("a");
        await database.ExecuteAsync("VACUUM ANALYZE scores");
        await database.ExecuteAsync("VACUUM ANALYZE submissions");

        foreach (var sql in (string[])[QueueSql.Claim, QueueSql.HasWork, QueueSql.GiveUp, QueueSql.Length])
        {
            var plan = await PlanAsync(sql);
            Assert.DoesNotContain("Seq Scan", plan, StringComparison.Ordinal);
        }

        Assert.Contains("ix_scores_queue", await PlanAsync(QueueSql.Claim), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_claim_reads_a_few_rows_of_a_long_queue()
    {
        await database.ExecuteAsync(
            """
            INSERT INTO scores (username, challenge_id, created_at, status)
            SELECT 'p' || i % 500, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, now(), 'pending'
            FROM generate_series(1, 20000) i;
            INSERT INTO submissions (score_id, file, size, sha256, original_name, attempts, counts, queued_at)
            SELECT id, 'file', 1, '', 'method.py', 0, true, now() FROM scores;
            """
        );
        await database.ExecuteAsync("VACUUM ANALYZE scores");
        await database.ExecuteAsync("VACUUM ANALYZE submissions");
        await ClaimAsync(10);

        var places = await PlanAsync(QueueSql.Places, "ANALYZE, TIMING OFF, COSTS OFF");
        Assert.InRange(MostRows(places), 1, 20_000); // not for each submission
        Assert.Equal(10_000, MostRows(await PlanAsync(QueueSql.Length, "ANALYZE, TIMING OFF, COSTS OFF")));
        var plan = await PlanAsync(QueueSql.Claim, "ANALYZE, TIMING OFF, COSTS OFF");

        Assert.DoesNotContain("Seq Scan", plan, StringComparison.Ordinal);
        Assert.InRange(MostRows(plan), 1, 50);
    }

    [Fact]
    public async Task Places_are_those_among_the_pending_submissions_of_the_challenge()
    {
        var first = await database.SubmitAsync("a");
        await database.SubmitAsync("b");
        var second = await database.SubmitAsync("a");
        var third = await database.SubmitAsync("a");

        var places = await Queue.FindPlacesAsync("a", [third, second], Cancellation);
        Assert.Equal([(second, 2), (third, 3)], places.OrderBy(one => one.Key).Select(one => (one.Key, one.Value)));
        await database.ExecuteAsync(
            $"UPDATE scores SET status = 'failed' WHERE id = (SELECT score_id FROM submissions WHERE id = {first})"
        );
        Assert.Equal(2, (await Queue.FindPlacesAsync("a", [first, third], Cancellation))[third]);
    }

    /// <summary>The most rows that a node of a plan has read.</summary>
    private static int MostRows(string plan) =>
        Regex
            .Matches(plan, @"actual rows=(\d+) loops=(\d+)")
            .Max(node => int.Parse(node.Groups[1].Value, null) * int.Parse(node.Groups[2].Value, null));

    private async Task<string> PlanAsync(string sql, string options = "COSTS OFF")
    {
        var ids = await database.ScalarAsync<long[]>(
            "SELECT array_agg(id) FROM (SELECT id FROM submissions ORDER BY id DESC LIMIT 1000) last"
        );
        await using var command = database.DataSource.CreateCommand($"EXPLAIN ({options}) {sql}");
        foreach (
            var (name, value) in new (string, object)[]
            {
                ("worker", "w"),
                ("emd", true),
                ("ima", true),
                ("lease", TimeSpan.FromMinutes(2)),
                ("max", 3),
                ("error", ""),
                ("challenge_id", "a"),
                ("ids", ids!),
            }
        )
        {
            if (sql.Contains($"@{name}", StringComparison.Ordinal))
            {
                command.Parameters.Add(new NpgsqlParameter(name, value));
            }
        }

        var plan = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(Cancellation);
        while (await reader.ReadAsync(Cancellation))
        {
            plan.Add(reader.GetString(0));
        }

        return string.Join('\n', plan);
    }

    private async Task<Claim> ClaimAsync() => (await Queue.ClaimAsync("w", [], Cancellation))!;

    private async Task<List<long?>> ClaimAsync(int times)
    {
        var claimed = new List<long?>();
        for (var i = 0; i < times; i++)
        {
            claimed.Add((await Queue.ClaimAsync("w", [], Cancellation))?.SubmissionId);
        }

        return claimed;
    }
}
