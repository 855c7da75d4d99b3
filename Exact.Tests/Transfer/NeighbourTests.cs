using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Tests.Support;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>An import, and those who read and write the same tables meanwhile.</summary>
public sealed class NeighbourTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.EmptyAsync();
        await database.ImportedAsync(Fixture(Challenge(1, "c1"), Score(1), Score(2)));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_writer_of_other_rows_does_not_wait_for_an_import_and_gets_a_key_that_the_file_does_not_use()
    {
        await using var neighbour = await database.BeginAsync("UPDATE scores SET username = 'bob' WHERE id = 1");
        var import = database.ImportAsync(
            Fixture(Challenge(2, "c2"), Score(1, fields: """ "score": 1 """), Score(3), Score(100, "c2"))
        );
        await WaitUntilBlockedAsync();

        var key = await database.ScalarAsync<long>(
            """
            SET lock_timeout = '2s';
            INSERT INTO scores (username, challenge_id, created_at, status) VALUES ('eve', 'c1', now(), 'pending') RETURNING id
            """
        );
        Assert.Equal(3, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
        await FixtureDatabase.ExecuteAsync(neighbour, "COMMIT");

        Assert.Equal(101, key);
        var counts = FixtureDatabase.Report(await import).Models["api.score"];
        Assert.Equal((2, 1), (counts.Created, counts.Updated));
        Assert.Equal(5, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
        Assert.Equal("ada", await database.ScalarAsync<string>("SELECT username FROM scores WHERE id = 1"));
    }

    [Fact]
    public async Task A_row_that_somebody_else_adds_under_the_same_key_is_updated()
    {
        await using var neighbour = await database.BeginAsync(
            "INSERT INTO scores (id, username, challenge_id, created_at, status) VALUES (3, 'eve', 'c1', now(), 'pending')"
        );
        var import = database.ImportAsync(Fixture(Score(2, fields: """ "score": 1 """), Score(3), Score(4)));
        await WaitUntilBlockedAsync();
        await FixtureDatabase.ExecuteAsync(neighbour, "COMMIT");

        Assert.Equal(
            new ModelCounts
            {
                Read = 3,
                Created = 1,
                Updated = 2,
            },
            FixtureDatabase.Report(await import).Models["api.score"]
        );
        Assert.Equal("ada", await database.ScalarAsync<string>("SELECT username FROM scores WHERE id = 3"));
    }

    [Theory]
    [InlineData("merge", "ada")]
    [InlineData("skip", "eve")]
    [InlineData("fail", "eve")]
    public async Task A_row_that_somebody_else_adds_after_the_checks_is_treated_as_the_mode_says(
        string mode,
        string username
    )
    {
        await using var neighbour = await database.BeginAsync(
            "INSERT INTO challenges (id, challenge_id, title, description, created_at, created_by) VALUES (9, 'c9', '', '', now(), 'bob')"
        );
        var import = database.ImportAsync(
            Fixture(Challenge(9, "c9"), Score(3)),
            new ImportOptions { Mode = Enum.Parse<ImportMode>(mode, ignoreCase: true) }
        );
        await WaitUntilBlockedAsync();
        await database.ExecuteAsync(
            "INSERT INTO scores (id, username, challenge_id, created_at, status) VALUES (3, 'eve', 'c1', now(), 'pending')"
        );
        await FixtureDatabase.ExecuteAsync(neighbour, "ROLLBACK");

        if (await import is ImportOutcome.Rejected rejected)
        {
            Assert.Equal("fail", mode);
            Assert.Equal("exists", Assert.Single(rejected.Errors).Code);
        }
        else
        {
            var counts = FixtureDatabase.Report(await import).Models["api.score"];
            Assert.Equal(mode == "merge" ? (1, 0) : (0, 1), (counts.Updated, counts.Skipped));
        }

        Assert.Equal(username, await database.ScalarAsync<string>("SELECT username FROM scores WHERE id = 3"));
    }

    [Fact]
    public async Task Memberships_that_somebody_else_changes_after_the_checks_are_neither_lost_nor_brought_back()
    {
        static string Member(int id, int group) => User(id, $"user{id}", $""" "groups": [{group}] """);
        await database.ImportedAsync(Fixture(Group(1), Member(5, 1), Member(6, 1)));
        await using var neighbour = await database.BeginAsync(
            "INSERT INTO roles (id, name, normalized_name) VALUES (9, 'judges', 'JUDGES')"
        );
        var import = database.ImportAsync(
            Fixture(Group(9, "judges"), Member(5, 1), Member(6, 1), Member(7, 9), Member(8, 9))
        );
        await WaitUntilBlockedAsync();
        await database.ExecuteAsync(
            """
            INSERT INTO users SELECT (jsonb_populate_record(u, '{"id": 7, "username": "user7", "normalized_username": "USER7"}')).*
            FROM users u WHERE id = 5;
            INSERT INTO user_roles (user_id, role_id) VALUES (7, 1);
            DELETE FROM user_roles WHERE user_id = 5;
            DELETE FROM users WHERE id = 6
            """
        );
        await FixtureDatabase.ExecuteAsync(neighbour, "ROLLBACK");

        Assert.Equal(
            new ModelCounts
            {
                Read = 4,
                Created = 2,
                Updated = 1,
                Unchanged = 1,
            },
            FixtureDatabase.Report(await import).Models["auth.user"]
        );
        Assert.Equal(
            "6:1 7:9 8:9",
            await database.ScalarAsync<string>(
                "SELECT string_agg(user_id || ':' || role_id, ' ' ORDER BY user_id, role_id) FROM user_roles"
            )
        );
    }

    [Fact]
    public async Task Replace_waits_for_a_writer_of_memberships_and_then_has_those_of_the_file()
    {
        var file = Fixture(Group(1), User(5, "user5", """ "groups": [1], "is_superuser": true """));
        await database.ImportedAsync(file);
        await using var neighbour = await database.BeginAsync("DELETE FROM user_roles WHERE user_id = 5");

        var import = database.ImportedAsync(file, new ImportOptions { Mode = ImportMode.Replace });
        await Task.WhenAny(import, WaitUntilBlockedAsync());
        await FixtureDatabase.ExecuteAsync(neighbour, "COMMIT");

        Assert.Equal(1, (await import).Models["auth.user"].Updated);
        Assert.Equal(1, await database.ScalarAsync<long>("SELECT role_id FROM user_roles WHERE user_id = 5"));
    }

    [Fact]
    public async Task A_waiting_merge_reports_how_far_it_is()
    {
        await using var neighbour = await database.BeginAsync("UPDATE scores SET username = 'bob' WHERE id = 2");
        ImportProgress? told = null;
        var import = database.Importer.ImportAsync(
            new MemoryStream(
                Encoding.UTF8.GetBytes(
                    Fixture(Score(1, fields: """ "score": 1 """), Score(2, fields: """ "score": 1 """), Score(3))
                )
            ),
            new ImportOptions { PartRows = 1 },
            new Listener(progress => told = progress),
            cancellationToken: CancellationToken
        );
        await WaitUntilBlockedAsync();

        Assert.Equal(ImportPhase.Merging, told!.Phase);
        var counts = told.Models["api.score"];
        Assert.Equal((1, 1), (counts.Created, counts.Updated));

        await FixtureDatabase.ExecuteAsync(neighbour, "COMMIT");
        Assert.Equal(2, FixtureDatabase.Report(await import).Models["api.score"].Updated);
    }

    [Fact]
    public async Task A_record_whose_parent_somebody_else_deletes_is_an_orphan()
    {
        await using var neighbour = await database.BeginAsync("DELETE FROM challenges WHERE id = 1");
        var import = database.ImportAsync(Fixture(Score(7), Score(8)));
        await WaitUntilBlockedAsync();
        await FixtureDatabase.ExecuteAsync(neighbour, "COMMIT");

        var rejected = Assert.IsType<ImportOutcome.Rejected>(await import);
        Assert.Equal(["orphan", "orphan"], rejected.Errors.Select(error => error.Code));
    }

    [Theory]
    [InlineData("merge")]
    [InlineData("replace")]
    public async Task An_import_that_waits_too_long_for_somebody_else_is_given_up(string mode)
    {
        await using var neighbour = await database.BeginAsync("UPDATE scores SET username = 'bob' WHERE id = 1");

        var outcome = await database.ImportAsync(
            Fixture(Challenge(1, "c1"), Score(1, fields: """ "score": 1 """), Score(3)),
            new ImportOptions
            {
                Mode = Enum.Parse<ImportMode>(mode, ignoreCase: true),
                LockWait = TimeSpan.FromMilliseconds(200),
            }
        );

        Assert.Equal(
            "Another session has kept what the import needs locked for 0.2 seconds. Nothing was changed.",
            Assert.IsType<ImportOutcome.Blocked>(outcome).Detail
        );
        Assert.Equal(2, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
    }

    private Task WaitUntilBlockedAsync()
    {
        const string Blocked = """
            SELECT EXISTS (
                SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
            )
            """;
        return Wait.UntilAsync(() => database.ScalarAsync<bool>(Blocked), "a session waits for a lock");
    }
}
