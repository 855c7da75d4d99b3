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

    private static Task<StandingsReport> CheckAsync(StandingsCheck check, bool rebuild) =>
        check.RunAsync(rebuild, TestContext.Current.CancellationToken);
}
