using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>An import into a platform on which people submit and workers evaluate.</summary>
public sealed class PlatformImportTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    private const string Rows = """
        SELECT concat_ws(' | ',
            (SELECT string_agg(challenge_id, ' ' ORDER BY id) FROM challenge_rules),
            (SELECT string_agg(key, ' ' ORDER BY id) FROM stored_files),
            (SELECT string_agg(score_id::text, ' ' ORDER BY id) FROM submissions),
            (SELECT string_agg(score_id::text, ' ' ORDER BY id) FROM disqualifications))
        """;

    private static readonly ImportOptions Replace = new() { Mode = ImportMode.Replace };

    public async ValueTask InitializeAsync()
    {
        await database.EmptyAsync();
        await database.ImportedAsync(
            Fixture(
                Challenge(1, "c1"),
                Challenge(2, "c2"),
                Score(1, "c1"),
                Score(2, "c1"),
                Score(3, "c2"),
                Rules(1, "c1"),
                Rules(2, "c2"),
                Stored(1, "a"),
                Stored(2, "b"),
                Submission(1, 1),
                Submission(2, 2),
                Submission(3, 3),
                Disqualification(1, 1),
                Disqualification(3, 3)
            )
        );
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_file_without_models_of_Exact_keeps_what_belongs_to_rows_that_stay_and_counts_the_rest(
        bool dryRun
    )
    {
        var before = await database.ScalarAsync<string>(Rows);

        var report = await database.ImportedAsync(
            Fixture(Challenge(1, "c1"), Score(1, "c1"), Score(4, "c1")),
            Replace with
            {
                DryRun = dryRun,
            }
        );

        Assert.Equal(
            [
                "api.challenge 1",
                "api.score 2",
                "exact.challengerules 1",
                "exact.submission 2",
                "exact.disqualification 1",
            ],
            report.Models.Where(model => model.Value.Deleted > 0).Select(model => $"{model.Key} {model.Value.Deleted}")
        );
        Assert.Equal(dryRun ? before : "c1 | a b | 1 | 1", await database.ScalarAsync<string>(Rows));
    }

    [Fact]
    public async Task A_file_with_any_model_of_Exact_is_mirrored()
    {
        var report = await database.ImportedAsync(
            Fixture(Challenge(1, "c1"), Score(1, "c1"), Score(2, "c1"), Submission(2, 2)),
            Replace
        );

        Assert.Equal("2", await database.ScalarAsync<string>(Rows));
        Assert.Equal(2, report.Models["exact.storedfile"].Deleted);
        Assert.Equal((1, 2), (report.Models["exact.submission"].Unchanged, report.Models["exact.submission"].Deleted));
    }

    [Fact]
    public async Task What_goes_with_a_score_that_is_left_out_is_counted()
    {
        var options = Replace with { Orphans = WhenFound.Skip, Confirmed = ["api.score", "exact.submission"] };

        var report = await database.ImportedAsync(
            Fixture(
                Challenge(1, "c1"),
                Score(1, "c1"),
                Score(2, "gone"), // in the database it belongs to c1
                Score(3, "c2"),
                Submission(1, 1),
                Submission(2, 2),
                Submission(3, 3)
            ),
            options
        );

        var (scores, submissions) = (report.Models["api.score"], report.Models["exact.submission"]);
        Assert.Equal((1, 2, 2), (scores.Unchanged, scores.Skipped, scores.Deleted));
        Assert.Equal((1, 2, 2), (submissions.Unchanged, submissions.Skipped, submissions.Deleted));
        Assert.Equal("1", await database.ScalarAsync<string>(Rows));
    }

    [Fact]
    public async Task A_submission_that_is_left_out_must_be_confirmed()
    {
        var before = await database.StateAsync();
        var file = Fixture(Challenge(1, "c1"), Score(1, "c1"), Submission(1, 77));

        var error = Assert.Single(await database.RejectedAsync(file, Replace with { Orphans = WhenFound.Skip }));

        Assert.Equal(("left-out", "exact.submission"), (error.Code, error.Model));
        Assert.Equal(before, await database.StateAsync());
    }

    /// <summary>It was exported by hand, or by something that does not know of leases.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_submission_that_runs_in_the_file_waits_for_a_worker(bool isNew)
    {
        if (isNew)
        {
            await database.EmptyAsync();
        }

        await database.ImportedAsync(
            Fixture(
                Challenge(1, "c1"),
                Score(1, "c1", """ "status": "running" """),
                Score(2, "c1", """ "status": "running" """),
                Score(9, "c1", """ "status": "running" """),
                Submission(1, 1, """ "attempts": 3, "started_at": "2025-01-01T00:00:01Z" """),
                Submission(2, 2)
            )
        );

        Assert.Equal(
            "1 pending 3 , 2 pending 0 , 9 running  ", // the last has no file that a worker could run
            await database.ScalarAsync<string>(
                """
                SELECT string_agg(concat_ws(' ', s.id, status, coalesce(attempts::text, ''), coalesce(lease_until::text, '')), ', '
                    ORDER BY s.id)
                FROM scores s LEFT JOIN submissions b ON b.score_id = s.id WHERE s.challenge_id = 'c1'
                """
            )
        );
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("python", false)]
    [InlineData("text/x python", false)]
    [InlineData("text/html\\r\\nX: y", false)]
    [InlineData("text/плохо", false)]
    [InlineData("text/x-python; charset=utf-8", true)]
    [InlineData("application/vnd.exact+json", true)]
    public async Task The_type_of_a_stored_file_must_be_a_media_type(string type, bool isOne)
    {
        await database.EmptyAsync();
        var fixture = Fixture(Stored(1, "a").Replace("text/x-python", type, StringComparison.Ordinal));

        if (isOne)
        {
            await database.ImportedAsync(fixture);
            return;
        }

        var error = Assert.Single(await database.RejectedAsync(fixture));
        Assert.Equal(("bad-media-type", "content_type"), (error.Code, error.Field));
        Assert.Contains("application/octet-stream", error.Detail);
    }

    [Fact]
    public async Task A_worker_loses_what_the_file_takes_from_it_and_keeps_the_rest()
    {
        await database.ExecuteAsync(
            """
            UPDATE scores SET status = 'running';
            UPDATE submissions SET lease = gen_random_uuid(), lease_until = now() + interval '1 minute', worker = 'w1'
            """
        );

        await database.ImportedAsync(Fixture(Score(1, "c1"), Score(2, "c1", """ "status": "pending" """)));

        Assert.Equal(
            "1 completed, 2 pending, 3 running w1",
            await database.ScalarAsync<string>(
                """
                SELECT string_agg(concat_ws(' ', s.id, status, worker), ', ' ORDER BY s.id)
                FROM scores s JOIN submissions b ON b.score_id = s.id
                WHERE (lease_until IS NULL) = (worker IS NULL) AND (lease IS NULL) = (worker IS NULL)
                """
            )
        );
    }
}
