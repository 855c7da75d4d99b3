using System.Text;
using Exact.Infrastructure.Fixtures;
using Npgsql;
using static Exact.Tests.Fixtures.Sample;

namespace Exact.Tests.Fixtures;

/// <summary>A table of which most rows change is written anew.</summary>
public sealed class TableRewriteTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    private const int Many = 2000;

    private static readonly ImportOptions Anew = new() { RewriteRows = Many / 2 };
    private static readonly ImportOptions InPlace = new() { RewriteRows = long.MaxValue };

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    /// <summary>What belongs to the table, or depends on it, and a copy of the table would not have; and how it is taken away again.</summary>
    public static TheoryData<string, string> Belongings =>
        new()
        {
            { "CREATE VIEW best AS SELECT max(score) FROM scores", "DROP VIEW best" },
            { "CREATE VIEW anything AS SELECT scores FROM scores", "DROP VIEW anything" },
            { "GRANT SELECT ON scores TO pg_monitor", "REVOKE ALL ON scores FROM pg_monitor" },
            { "GRANT SELECT (id) ON scores TO pg_monitor", "REVOKE SELECT (id) ON scores FROM pg_monitor" },
            {
                "GRANT USAGE ON SEQUENCE scores_id_seq TO pg_monitor",
                "REVOKE ALL ON SEQUENCE scores_id_seq FROM pg_monitor"
            },
            {
                "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor",
                "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM pg_monitor"
            },
            { "ALTER TABLE scores OWNER TO pg_monitor", "ALTER TABLE scores OWNER TO CURRENT_USER" },
            { "COMMENT ON TABLE scores IS 'ours'", "COMMENT ON TABLE scores IS NULL" },
            { "COMMENT ON INDEX pk_scores IS 'ours'", "COMMENT ON INDEX pk_scores IS NULL" },
            {
                "COMMENT ON CONSTRAINT pk_scores ON scores IS 'ours'",
                "COMMENT ON CONSTRAINT pk_scores ON scores IS NULL"
            },
            {
                "CREATE TRIGGER watch BEFORE UPDATE ON scores FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
                "DROP TRIGGER watch ON scores"
            },
            { "CREATE RULE quiet AS ON DELETE TO scores DO ALSO SELECT 1", "DROP RULE quiet ON scores" },
            { "CREATE POLICY own ON scores USING (true)", "DROP POLICY own ON scores" },
            { "CREATE PUBLICATION news FOR TABLE challenges", "DROP PUBLICATION news" },
            { "CREATE STATISTICS pairs ON username, challenge_id FROM scores", "DROP STATISTICS pairs" },
            { "CREATE TABLE notes (score_id bigint REFERENCES scores)", "DROP TABLE notes" },
            { "CREATE TABLE kept (score scores)", "DROP TABLE kept" },
            { "CREATE TABLE lists (scores scores[])", "DROP TABLE lists" },
            { "CREATE TABLE numbered (id bigint DEFAULT nextval('scores_id_seq'))", "DROP TABLE numbered" },
            { "CREATE TABLE old_scores () INHERITS (scores)", "DROP TABLE old_scores" },
            {
                "CREATE FUNCTION how_many() RETURNS bigint RETURN (SELECT count(*) FROM scores)",
                "DROP FUNCTION how_many"
            },
            { "ALTER TABLE scores SET (fillfactor = 70)", "ALTER TABLE scores RESET (fillfactor)" },
            {
                "ALTER INDEX ix_scores_leaderboard_emd SET (fillfactor = 70)",
                "ALTER INDEX ix_scores_leaderboard_emd RESET (fillfactor)"
            },
            {
                "ALTER TABLE scores ALTER username SET STATISTICS 500",
                "ALTER TABLE scores ALTER username SET STATISTICS -1"
            },
            { "ALTER TABLE scores CLUSTER ON pk_scores", "ALTER TABLE scores SET WITHOUT CLUSTER" },
            { "ALTER TABLE scores REPLICA IDENTITY FULL", "ALTER TABLE scores REPLICA IDENTITY DEFAULT" },
            {
                "ALTER TABLE scores ADD CONSTRAINT late CHECK (id > 0) NOT VALID",
                "ALTER TABLE scores DROP CONSTRAINT late"
            },
            { "ALTER SEQUENCE scores_id_seq RENAME TO numbers", "ALTER SEQUENCE numbers RENAME TO scores_id_seq" },
            { "ALTER EXTENSION plpgsql ADD TABLE scores", "ALTER EXTENSION plpgsql DROP TABLE scores" },
            { "CREATE SCHEMA exact_import", "DROP SCHEMA exact_import" },
        };

    /// <summary>Which records a file has, given the number of a score in it.</summary>
    private static readonly Dictionary<
        string,
        (Func<int, string> Score, string[] Others, ImportOptions Options)
    > Cases = new()
    {
        ["every field"] = (n => Changed(n), [], new()),
        ["one field"] = (Partly, [], new()),
        ["one field, and the others back to their defaults"] = (Partly, [], new() { Missing = MissingFields.Default }),
        ["now this field, now that"] = (n => n % 2 == 0 ? Partly(n) : Changed(n), [], new()),
        ["more than half of the rows"] = (n => n % 3 == 0 ? Score(n) : Changed(n), [], new()),
        ["all, and the rest is deleted"] = (n => Changed(n), [Challenge()], new() { Mode = ImportMode.Replace }),
        ["all, in a dry run"] = (n => Changed(n), [], new() { DryRun = true }),
        ["all, and some are new"] = (n => Changed(n), [Score(3 * Many), Score(4 * Many)], new()),
        ["all, and the challenge has another name"] = (
            n => Changed(n, "renamed"),
            [Challenge(1, "renamed"), Score(2 * Many, "renamed")],
            new()
        ),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    public async ValueTask InitializeAsync()
    {
        await database.EmptyAsync();
        await database.ImportedAsync(Fixture([Challenge(), .. Scores(n => Score(n)), Score(2 * Many)]));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task What_becomes_of_a_table_does_not_depend_on_whether_it_is_written_anew(string name)
    {
        var (score, others, options) = Cases[name];
        var file = Encoding.UTF8.GetBytes(Fixture([.. others, Challenge(2, "c2"), .. Scores(score)]));

        var before = await TableAsync();
        var anew = await database.ResultAsync(
            new MemoryStream(file),
            options with
            {
                RewriteRows = Anew.RewriteRows,
                PartRows = 300,
            }
        );
        Assert.Equal(options.DryRun, before == await TableAsync());

        await InitializeAsync();
        before = await TableAsync();
        var inPlace = await database.ResultAsync(
            new MemoryStream(file),
            options with
            {
                RewriteRows = InPlace.RewriteRows,
            }
        );
        Assert.Equal(before, await TableAsync());

        Assert.Equal(inPlace, anew);
    }

    [Fact]
    public async Task A_table_of_which_less_than_half_changes_stays()
    {
        var before = await TableAsync();

        var counts = await ImportedAsync(n => n % 3 == 0 ? Changed(n) : Score(n));

        Assert.Equal((Many / 3, Many - (Many / 3)), (counts.Updated, counts.Unchanged));
        Assert.Equal(before, await TableAsync());
    }

    [Fact]
    public async Task A_table_with_a_row_that_is_too_long_to_pass_with_many_others_stays()
    {
        var before = await TableAsync();
        var text = new string('x', 20_000);
        await database.ExecuteAsync($"UPDATE scores SET error_message = '{text}' WHERE id = 1");

        var counts = await ImportedAsync(n => Changed(n));

        Assert.Equal(Many, counts.Updated);
        Assert.Equal(before, await TableAsync());
    }

    [Theory]
    [MemberData(nameof(Belongings))]
    public async Task A_table_that_has_what_a_copy_would_not_have_stays(string add, string remove)
    {
        var before = await TableAsync();
        await database.ExecuteAsync(add);
        try
        {
            var counts = await ImportedAsync(n => Changed(n));

            Assert.Equal(Many, counts.Updated);
            Assert.Equal(before, await TableAsync());
        }
        finally
        {
            await database.ExecuteAsync(remove);
        }

        await ImportedAsync(Partly);
        Assert.NotEqual(before, await TableAsync()); // it was this that kept it
    }

    [Fact]
    public async Task What_belongs_to_the_table_by_design_is_copied()
    {
        await database.ExecuteAsync(
            """
            COMMENT ON COLUMN scores.score IS 'the first metric';
            ALTER TABLE scores ALTER method_name SET DEFAULT 'LIME', ALTER error_message SET STORAGE EXTERNAL;
            CREATE UNIQUE INDEX twice ON scores (lower(username), id DESC NULLS LAST) INCLUDE (score) WHERE id > 0;
            ALTER SEQUENCE scores_id_seq INCREMENT BY 7
            """
        );
        try
        {
            const string Design = """
                SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attstorage,
                        pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)), E'\n' ORDER BY attname)
                    || (SELECT seqincrement FROM pg_sequence WHERE seqrelid = pg_get_serial_sequence('scores', 'id')::regclass)
                FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                WHERE attrelid = 'scores'::regclass AND attnum > 0 AND NOT attisdropped
                """;
            var before = (await TableAsync(), await database.SchemaAsync(), await database.ScalarAsync<string>(Design));

            await ImportedAsync(n => Changed(n));

            Assert.NotEqual(before.Item1, await TableAsync());
            Assert.Equal(before.Item2, await database.SchemaAsync());
            Assert.Equal(before.Item3, await database.ScalarAsync<string>(Design));
        }
        finally
        {
            await database.ExecuteAsync(
                """
                COMMENT ON COLUMN scores.score IS NULL;
                ALTER TABLE scores ALTER method_name DROP DEFAULT, ALTER error_message SET STORAGE EXTENDED;
                DROP INDEX twice;
                ALTER SEQUENCE scores_id_seq INCREMENT BY 1
                """
            );
        }
    }

    [Fact]
    public async Task Others_read_while_the_table_is_written_anew_and_who_writes_waits_and_loses_nothing()
    {
        var before = await TableAsync();
        await using var reader = await database.BeginAsync("SELECT count(*) FROM scores");
        var import = database.ImportAsync(Fixture([.. Scores(n => Changed(n))]), Anew);
        await WaitForLockAsync("AccessExclusiveLock", import); // all but the last step is done

        var writing = database.ExecuteAsync("UPDATE scores SET username = 'eve' WHERE id = 1");
        await WaitForLockAsync("RowExclusiveLock", writing);
        Assert.Equal(
            "ada",
            await database.ScalarAsync<string>("SET lock_timeout = '3s'; SELECT username FROM scores WHERE id = 1")
        );
        await FixtureDatabase.ExecuteAsync(reader, "COMMIT");

        Assert.Equal(Many, FixtureDatabase.Report(await import).Models["api.score"].Updated);
        await writing;
        Assert.NotEqual(before, await TableAsync());
        Assert.Equal("eve", await database.ScalarAsync<string>("SELECT username FROM scores WHERE id = 1"));
        Assert.Equal(1, await database.ScalarAsync<double>("SELECT score FROM scores WHERE id = 1"));
    }

    [Fact]
    public async Task A_table_that_somebody_goes_on_reading_is_updated_in_its_place()
    {
        var before = await TableAsync();
        await using var reader = await database.BeginAsync("SELECT count(*) FROM scores");

        var report = await database.ImportedAsync(
            Fixture([.. Scores(n => Changed(n))]),
            Anew with
            {
                LockWait = TimeSpan.FromMilliseconds(200),
            }
        );

        Assert.Equal(Many, report.Models["api.score"].Updated);
        Assert.Equal(before, await TableAsync());
        Assert.Equal(Many, await database.ScalarAsync<long>("SELECT count(*) FROM scores WHERE score = 1"));
    }

    [Fact]
    public async Task A_table_that_somebody_is_writing_is_updated_in_its_place()
    {
        var before = await TableAsync();
        await using var writer = await database.BeginAsync($"UPDATE scores SET username = 'eve' WHERE id = {2 * Many}");

        var counts = await ImportedAsync(n => Changed(n));

        Assert.Equal(Many, counts.Updated);
        Assert.Equal(before, await TableAsync());
    }

    [Fact]
    public async Task What_comes_to_belong_to_the_table_meanwhile_keeps_it()
    {
        var before = await TableAsync();
        await using var reader = await database.BeginAsync("SELECT count(*) FROM scores");
        var import = database.ImportAsync(Fixture([.. Scores(n => Changed(n))]), Anew);
        await WaitForLockAsync("AccessExclusiveLock", import);
        await database.ExecuteAsync("GRANT SELECT ON scores TO pg_monitor");
        try
        {
            await FixtureDatabase.ExecuteAsync(reader, "COMMIT");

            Assert.Equal(Many, FixtureDatabase.Report(await import).Models["api.score"].Updated);
            Assert.Equal(before, await TableAsync());
        }
        finally
        {
            await database.ExecuteAsync("REVOKE ALL ON scores FROM pg_monitor");
        }
    }

    /// <summary>As pg_dump does it: the snapshot first, and then the tables.</summary>
    [Fact]
    public async Task Whoever_took_a_snapshot_before_finds_the_rows_and_not_an_empty_table()
    {
        await using var dump = await database.BeginAsync(
            "SELECT count(*) FROM users",
            "BEGIN ISOLATION LEVEL REPEATABLE READ"
        );
        var before = await TableAsync();

        await ImportedAsync(n => Changed(n));

        Assert.NotEqual(before, await TableAsync());
        await using var command = new NpgsqlCommand("SELECT count(*) FROM scores WHERE challenge_id = 'c1'", dump);
        Assert.Equal(Many + 1L, await command.ExecuteScalarAsync(CancellationToken));
    }

    [Fact]
    public async Task An_export_that_has_begun_has_the_rows_of_before()
    {
        var before = await database.ExportAsync();
        await using var snapshot = await database.Exporter.OpenSnapshotAsync(new ExportOptions(), CancellationToken);

        var import = database.ImportAsync(Fixture([.. Scores(n => Changed(n))]), Anew);
        await WaitForLockAsync("AccessExclusiveLock", import);
        using var file = new MemoryStream();
        await database.Exporter.WriteAsync(snapshot, file, new ExportOptions(), progress: null, CancellationToken);
        await snapshot.CloseAsync();

        Assert.Equal(Many, FixtureDatabase.Report(await import).Models["api.score"].Updated);
        Assert.Equal(before, file.ToArray());
    }

    /// <summary>A page that everybody sees whole needs no visit, from the moment of the commit on.</summary>
    [Fact]
    public async Task A_leaderboards_index_answers_at_once_without_a_visit_to_the_table()
    {
        await ImportedAsync(n => Changed(n));

        Assert.Equal(
            0,
            await database.ScalarAsync<int>(
                "SELECT relpages - relallvisible FROM pg_class WHERE oid = 'scores'::regclass AND relpages > 0"
            )
        );
    }

    [Fact]
    public async Task The_next_key_is_the_one_that_would_have_been_next()
    {
        await database.ExecuteAsync("SELECT setval('scores_id_seq', 1000000)");

        await ImportedAsync(n => Changed(n));

        Assert.Equal(
            1_000_001,
            await database.ScalarAsync<long>(
                "INSERT INTO scores (username, challenge_id, created_at, status) VALUES ('eve', 'c1', now(), 'pending') RETURNING id"
            )
        );
    }

    private static IEnumerable<string> Scores(Func<int, string> score) => Enumerable.Range(1, Many).Select(score);

    private static string Changed(int n, string challenge = "c1") =>
        Score(
            n,
            challenge,
            """ "score": 1, "emd_score": null, "ima_score": "NaN", "method_name": "naïve\t\\N", "error_message": "" """.Replace(
                "\"NaN\"",
                n % 2 == 0 ? "NaN" : "0.1",
                StringComparison.Ordinal
            )
        );

    /// <summary>A record with one field less than the row has, and another value in one.</summary>
    private static string Partly(int n) =>
        Record("api.score", n, $""" "username": "bob", "challenge_id": "c1", "score": {n} """);

    private async Task<ModelCounts> ImportedAsync(Func<int, string> score) =>
        (await database.ImportedAsync(Fixture([.. Scores(score)]), Anew)).Models["api.score"];

    /// <summary>Which table it is: one that was written anew is another.</summary>
    private Task<uint> TableAsync() => database.ScalarAsync<uint>("SELECT 'scores'::regclass::oid");

    private async Task WaitForLockAsync(string mode, Task waiting)
    {
        var waits = $"""
            SELECT EXISTS (
                SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE d.datname = current_database() AND l.mode = '{mode}' AND NOT l.granted
            )
            """;
        while (!await database.ScalarAsync<bool>(waits))
        {
            Assert.False(waiting.IsCompleted);
            await Task.Delay(5, CancellationToken);
        }
    }
}
