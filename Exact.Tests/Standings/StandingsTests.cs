using Exact.Tests.Support;
using Npgsql;

namespace Exact.Tests.Standings;

/// <summary>Participants and standings always say what the scores say, whatever writes them.</summary>
public sealed class StandingsTests(MigratedTemplate template) : IAsyncLifetime
{
    private readonly MigratedDatabase database = new(template);

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task They_equal_the_scores_after_every_kind_of_write(int seed)
    {
        var random = new Random(seed);
        await AddChallengesAsync();
        for (var step = 0; step < 150; step++)
        {
            var write = Write(random);
            await database.ExecuteAsync(write);

            Assert.Equal((write, ""), (write, await database.ScalarAsync<string>(NaiveStandings.Differences)));
        }
    }

    [Fact]
    public async Task Writers_of_the_same_participant_do_not_lose_each_others_scores()
    {
        await AddChallengesAsync();

        await Parallel.ForEachAsync(
            Enumerable.Range(0, 200),
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (i, _) => await database.ExecuteAsync(Insert("one", i % 3 == 0 ? "ada" : "bob", $"{i % 7}"))
        );

        Assert.Equal("", await database.ScalarAsync<string>(NaiveStandings.Differences));
        Assert.Equal(
            200L,
            await database.ScalarAsync<long>("SELECT sum(scores)::bigint FROM standings WHERE challenge_id = 'one'")
        );
    }

    [Fact]
    public async Task A_writer_does_not_wait_for_an_open_transaction_that_writes_another_participant()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await AddChallengesAsync();
        await database.ExecuteAsync(Insert("one", "eve", "0.1"));
        await using var open = await database.DataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await open.BeginTransactionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Insert("one", "ada", "0.5"), open, transaction);
        await command.ExecuteNonQueryAsync(cancellationToken);

        await database.ExecuteAsync($"SET lock_timeout = '2s'; {Insert("one", "bob", "0.7")}");
        await transaction.CommitAsync(cancellationToken);

        Assert.Equal("", await database.ScalarAsync<string>(NaiveStandings.Differences));
        Assert.Equal(3L, await database.ScalarAsync<long>("SELECT sum(scores)::bigint FROM standings"));
    }

    [Fact]
    public async Task Keys_and_times_are_exact_also_where_a_double_is_not()
    {
        await AddChallengesAsync();

        await database.ExecuteAsync(
            """
            INSERT INTO scores (id, challenge_id, username, emd_score, status, created_at)
            SELECT 9223372036854775807 - n, 'one', 'ada', 0.5, 'completed', '9999-12-31T23:59:59.123457Z'
            FROM generate_series(0, 3) n
            """
        );

        Assert.Equal("", await database.ScalarAsync<string>(NaiveStandings.Differences));
    }

    private Task AddChallengesAsync() =>
        database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            SELECT name, name, '', now(), 'admin' FROM unnest(ARRAY['one', 'two', 'three']) AS name
            ON CONFLICT DO NOTHING
            """
        );

    private static string Write(Random random)
    {
        var challenge = Pick(random, "one", "two", "three");
        var user = Pick(random, "ada", "bob", "eve");
        var value = Pick(random, "0.5", "0.5", "0.25", "-1", "NaN", "Infinity", "-Infinity", "0", "null");
        var some =
            $"id IN (SELECT id FROM scores ORDER BY md5(id::text || '{random.Next()}') LIMIT {random.Next(1, 4)})";
        return random.Next(17) switch
        {
            < 7 => Insert(challenge, user, value),
            7 => $"UPDATE scores SET emd_score = {Quote(value)} WHERE {some}",
            8 => $"UPDATE scores SET emd_score = null, score = {Quote(value)}, ima_score = {Quote(value)} WHERE {some}",
            9 => $"UPDATE scores SET status = '{Pick(random, "pending", "completed", "failed")}' WHERE {some}",
            10 => $"UPDATE scores SET username = '{user}', challenge_id = '{challenge}' WHERE {some}",
            11 => $"DELETE FROM scores WHERE {some}",
            12 => $"""
                INSERT INTO disqualifications (score_id, reason, created_by, created_at)
                SELECT id, '', '', now() FROM scores WHERE {some} ON CONFLICT DO NOTHING
                """,
            13 => "DELETE FROM disqualifications WHERE id IN (SELECT id FROM disqualifications LIMIT 2)",
            14 => """
                UPDATE disqualifications d SET score_id = other.id
                FROM (SELECT max(id) AS id FROM scores WHERE id NOT IN (SELECT score_id FROM disqualifications)) other
                WHERE d.id = (SELECT min(id) FROM disqualifications) AND other.id IS NOT NULL
                """,
            15 => $"""
                DELETE FROM challenges WHERE challenge_id = '{challenge}';
                INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
                VALUES ('{challenge}', '', '', now(), '')
                """,
            _ => random.Next(5) == 0
                ? "TRUNCATE scores, disqualifications, submissions"
                : Insert(challenge, user, "0.5"),
        };
    }

    private static string Insert(string challenge, string user, string value) =>
        $"""
            INSERT INTO scores (challenge_id, username, score, emd_score, ima_score, status, created_at)
            SELECT '{challenge}', '{user}', {Quote(value)}, {Quote(
                value
            )}, 0.1, 'completed', now() FROM generate_series(1, 1)
            """;

    private static string Quote(string value) => value == "null" ? value : $"'{value}'";

    private static string Pick(Random random, params string[] choices) => choices[random.Next(choices.Length)];
}
