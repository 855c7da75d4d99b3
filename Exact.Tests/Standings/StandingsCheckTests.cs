using Exact.Infrastructure.Standings;
using Exact.Tests.Support;

namespace Exact.Tests.Standings;

public sealed class StandingsCheckTests(MigratedTemplate template) : IAsyncLifetime
{
    private readonly MigratedDatabase database = new(template);

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        await database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            SELECT name, name, '', now(), 'admin' FROM unnest(ARRAY['one', 'two']) AS name;
            INSERT INTO scores (challenge_id, username, score, emd_score, ima_score, status, created_at)
            SELECT (ARRAY['one', 'two'])[i % 2 + 1], 'p' || i % 7, i % 5, i % 5, -i, 'completed', now()
            FROM generate_series(1, 100) i
            """
        );
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Theory]
    [InlineData("UPDATE participants SET best_emd = 9 WHERE username = 'p1'", 2)]
    [InlineData("DELETE FROM participants WHERE challenge_id = 'one'", 7)]
    [InlineData(
        "INSERT INTO participants (challenge_id, username, scores, ranked_emd, ranked_ima) VALUES ('one', 'nobody', 3, 0, 0)",
        1
    )]
    [InlineData("UPDATE standings SET scores = 9", 0)]
    [InlineData("DELETE FROM standings", 0)]
    [InlineData("ALTER TABLE scores DISABLE TRIGGER USER; DELETE FROM scores WHERE username = 'p3'", 2)]
    public async Task What_differs_from_the_scores_is_found_and_derived_again(string damage, int participants)
    {
        var check = new StandingsCheck(database.DataSource);
        Assert.True((await CheckAsync(check, rebuild: false)).AreEqual);
        await database.ExecuteAsync(damage);

        var found = await CheckAsync(check, rebuild: false);
        Assert.False(found.AreEqual);
        Assert.Equal(participants, found.WrongParticipants);
        Assert.Equal(found, await CheckAsync(check, rebuild: true));

        Assert.True((await CheckAsync(check, rebuild: false)).AreEqual);
        Assert.Equal("", await database.ScalarAsync<string>(NaiveStandings.Differences));
    }

    [Fact]
    public async Task The_command_derives_them_again_and_the_journal_says_how_many()
    {
        await database.ExecuteAsync("UPDATE participants SET best_emd = 9 WHERE username = 'p1'");

        await using var look = await ExactProcess.RunAsync(database.ConnectionString, "standings");
        await using var rebuild = await ExactProcess.RunAsync(database.ConnectionString, "standings", "--rebuild");

        Assert.Equal(1, await look.WaitForExitAsync());
        Assert.StartsWith("2 participants and the counts of 0 challenges differed", look.Output);
        Assert.Equal(0, await rebuild.WaitForExitAsync());
        Assert.EndsWith("They were derived again.", rebuild.Output);
        Assert.Equal(
            "standings command-line 2",
            await database.ScalarAsync<string>(
                "SELECT concat_ws(' ', kind, actor, figures ->> 'wrong_participants') FROM operations"
            )
        );
    }

    private static Task<StandingsReport> CheckAsync(StandingsCheck check, bool rebuild) =>
        check.RunAsync(rebuild, TestContext.Current.CancellationToken);
}
