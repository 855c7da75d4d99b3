using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Tests.Transfer;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Standings;

/// <summary>However an import goes, participants and standings say what the scores say.</summary>
public sealed class ImportedStandingsTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    /// <summary>Enough for a file to be loaded directly.</summary>
    private const int Many = (int)DroppedIndexes.MinRows + 100;

    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("directly")]
    [InlineData("directly, and taken back for a key that is lower")]
    [InlineData("directly, and taken back for an orphan that is left out")]
    [InlineData("staged")]
    public async Task They_equal_the_scores_of_a_file_that_fills_the_table(string way)
    {
        string[] last = way switch
        {
            _ when way.Contains("lower", StringComparison.Ordinal) => [Scored(1, "ada", 2)],
            _ when way.Contains("orphan", StringComparison.Ordinal) =>
            [
                Scored(Many + 2, "ada", 2),
                Score(Many + 3, "gone"),
            ],
            _ => [],
        };
        var scores = Enumerable.Range(2, Many).Select(n => Scored(n, $"p{n % 70}", n % 900 / 900.0, $"c{n % 3}"));
        var challenges = Enumerable.Range(0, 3).Select(n => Challenge(n + 1, $"c{n}"));
        var file = Encoding.UTF8.GetBytes(Fixture([.. challenges, .. scores, .. last]));
        var gate = new TaskCompletionSource();
        gate.SetResult();

        var outcome = await database.Importer.ImportAsync(
            way == "staged" ? new GatedStream(file, gate.Task, 0, database.Time) : new MemoryStream(file),
            new ImportOptions { Orphans = WhenFound.Skip },
            cancellationToken: TestContext.Current.CancellationToken
        );

        Assert.True(FixtureDatabase.Report(outcome).Models["api.score"].Created >= Many);
        await AssertEqualAsync();
        await database.ExecuteAsync("DELETE FROM scores WHERE id % 2 = 0"); // the triggers are there
        await AssertEqualAsync();
    }

    [Theory]
    [InlineData("merge", false)]
    [InlineData("merge", true)]
    [InlineData("skip", false)]
    [InlineData("replace", false)]
    [InlineData("replace", true)]
    public async Task They_equal_the_scores_after_a_file_that_changes_some(string mode, bool dryRun)
    {
        await database.ImportedAsync(
            Fixture(
                Challenge(1, "c1"),
                Challenge(2, "c2"),
                Challenge(3, "c3"),
                Scored(1, "ada", 0.5),
                Scored(2, "ada", 0.7),
                Scored(3, "bob", 0.6),
                Scored(4, "bob", 0.9, "c2"),
                Scored(5, "eve", 0.1, "c3")
            )
        );
        await AssertEqualAsync();
        var before = await StandingsAsync();

        await database.ImportedAsync(
            Fixture(
                Challenge(1, "c1"),
                Challenge(2, "c2"),
                Scored(1, "ada", 0.8),
                Scored(2, "bob", 0.95),
                Scored(4, "bob", 0.9, "c1"),
                Scored(6, "new", 0.3, "c2")
            ),
            new ImportOptions
            {
                Mode = Enum.Parse<ImportMode>(mode, ignoreCase: true),
                DryRun = dryRun,
                PartRows = 2,
            }
        );

        await AssertEqualAsync();
        Assert.Equal(dryRun, before == await StandingsAsync());
    }

    [Theory]
    [InlineData("merge")]
    [InlineData("replace")]
    public async Task They_equal_the_scores_after_a_file_that_disqualifies_others(string mode)
    {
        var scores = Enumerable
            .Range(1, 6)
            .Select(n => Scored(n, $"p{n % 3}", n / 10.0))
            .Prepend(Challenge())
            .ToArray();
        await database.ImportedAsync(Fixture([.. scores, Disqualification(1, 6), Disqualification(2, 5)]));
        await AssertEqualAsync();
        Assert.Equal(0.4, await database.ScalarAsync<double>("SELECT max(best_emd) FROM participants"));

        await database.ImportedAsync(
            Fixture([.. scores, Disqualification(1, 4), Disqualification(3, 3)]),
            new ImportOptions { Mode = Enum.Parse<ImportMode>(mode, ignoreCase: true) }
        );

        await AssertEqualAsync();
        Assert.Equal(0.6, await database.ScalarAsync<double>("SELECT max(best_emd) FROM participants"));
    }

    [Fact]
    public async Task They_are_as_before_after_a_file_that_is_refused()
    {
        await database.ImportedAsync(Fixture(Challenge(1, "c1"), Scored(1, "ada", 0.5)));
        var before = await StandingsAsync();

        await database.RejectedAsync(Fixture(Scored(1, "bob", 0.6), Score(2, "gone")));

        Assert.Equal(before, await StandingsAsync());
        await AssertEqualAsync();
    }

    [Fact]
    public async Task All_that_belongs_to_a_challenge_goes_with_its_new_name()
    {
        await database.ImportedAsync(Fixture(Challenge(1, "old"), Challenge(2, "empty"), Scored(1, "ada", 0.5, "old")));
        await database.ExecuteAsync(
            """
            INSERT INTO challenge_rules (challenge_id, daily_limit, accepted_types, hides_scores)
            VALUES ('old', 5, '', false), ('empty', 6, '', true)
            """
        );
        var schema = await database.SchemaAsync();

        await database.ImportedAsync(
            Fixture(Challenge(1, "new"), Challenge(2, "still empty"), Scored(1, "ada", 0.5, "new"))
        );

        await AssertEqualAsync();
        Assert.Equal(
            "new 5, still empty 6",
            await database.ScalarAsync<string>(
                "SELECT string_agg(challenge_id || ' ' || daily_limit, ', ' ORDER BY 1) FROM challenge_rules"
            )
        );
        Assert.Equal("new", await database.ScalarAsync<string>("SELECT challenge_id FROM standings"));
        Assert.Equal(schema, await database.SchemaAsync());
    }

    /// <summary>A merge that met a writer begins again, from a savepoint.</summary>
    [Fact]
    public async Task They_equal_the_scores_after_a_merge_that_had_to_begin_again()
    {
        await database.ImportedAsync(Fixture(Challenge(1, "c1"), Scored(1, "ada", 0.5)));
        await using var neighbour = await database.BeginAsync(
            "INSERT INTO challenges (id, challenge_id, title, description, created_at, created_by) "
                + "VALUES (9, 'c9', '', '', now(), 'bob')"
        );
        var import = database.ImportAsync(
            Fixture(Challenge(9, "c9"), Scored(1, "eve", 0.7), Scored(2, "bob", 0.6, "c9"))
        );
        await Support.Wait.UntilAsync(
            () =>
                database.ScalarAsync<bool>(
                    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
                ),
            "the import waits for the neighbour"
        );
        await FixtureDatabase.ExecuteAsync(neighbour, "COMMIT");

        Assert.Equal(1, FixtureDatabase.Report(await import).Models["api.challenge"].Updated);
        await AssertEqualAsync();
    }

    private static string Scored(int id, string username, double value, string challenge = "c1") =>
        Record(
            "api.score",
            id,
            $"""
            "username": "{username}", "challenge_id": "{challenge}", "score": {value:r}, "emd_score": {value:r},
            "ima_score": {1 - value:r}, "created_at": "2025-01-01T00:00:{id % 60:00}.25Z", "status": "completed"
            """
        );

    private async Task AssertEqualAsync() =>
        Assert.Equal("", await database.ScalarAsync<string>(NaiveStandings.Differences));

    private Task<string?> StandingsAsync() =>
        database.ScalarAsync<string>(
            """
            SELECT string_agg(line, E'\n' ORDER BY line) FROM (
                SELECT p::text AS line FROM participants p UNION ALL SELECT s::text FROM standings s
            ) lines
            """
        );
}
