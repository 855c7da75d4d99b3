using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Infrastructure.Transfer.Reading;
using Npgsql;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

public sealed class ImportTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_dump_of_the_Django_backend_is_imported_completely()
    {
        var report = FixtureDatabase.Report(await database.ImportAsync(await FixtureDatabase.DumpAsync()));

        Assert.Equal(1650, report.Records);
        Assert.Equal(new ModelCounts { Read = 199, Created = 199 }, report.Models["auth.user"]);
        Assert.Equal(new ModelCounts { Read = 133, Created = 133 }, report.Models["user_api.company"]);
        Assert.Equal(new ModelCounts { Read = 12, Created = 12 }, report.Models["api.challenge"]);
        Assert.Equal(new ModelCounts { Read = 1261, Created = 1261 }, report.Models["api.score"]);
        Assert.Equal(new ModelCounts { Read = 36, Ignored = 36 }, report.Models["auth.permission"]);
        Assert.Equal(new ModelCounts { Read = 9, Ignored = 9 }, report.Models["contenttypes.contenttype"]);
        Assert.Equal(1261, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
        Assert.Equal(
            "pbkdf2_sha256$260000$71puIjxIh9UesmQqmjR4Yf$rTtwrM7vxf+p9egHUUDuk0TnMUvWcT604mU342/7HvU=",
            await database.ScalarAsync<string>("SELECT password_hash FROM users WHERE id = 1")
        );
    }

    [Fact]
    public async Task Importing_the_same_file_twice_writes_nothing()
    {
        var dump = await FixtureDatabase.DumpAsync();
        await database.ImportAsync(dump);
        var before = await database.StateAsync();

        var report = FixtureDatabase.Report(await database.ImportAsync(dump));

        Assert.All(report.Models.Values, counts => Assert.Equal(counts.Read, counts.Unchanged + counts.Ignored));
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task Records_come_in_any_order()
    {
        var report = await database.ImportedAsync(
            Fixture(
                Company(1, user: "2"),
                Score(5, "c9"),
                Challenge(1, "c8"),
                User(2, "bob", """ "groups": [7] """),
                Score(4, "c8"),
                Group(7),
                Challenge(2, "c9")
            )
        );

        Assert.Equal(2, report.Models["api.score"].Created);
        Assert.Equal("c9", await database.ScalarAsync<string>("SELECT challenge_id FROM scores WHERE id = 5"));
        Assert.Equal(7, await database.ScalarAsync<long>("SELECT role_id FROM user_roles WHERE user_id = 2"));
    }

    [Fact]
    public async Task Models_that_alternate_over_more_than_a_buffer_are_imported_completely()
    {
        var records = Enumerable
            .Range(1, 3000)
            .SelectMany(n =>
                new[] { Score(n, $"c{n}", $""" "error_message": "{new string('x', 300)}" """), Challenge(n, $"c{n}") }
            );

        await database.ImportedAsync(Fixture([.. records]));

        Assert.Equal(
            3000,
            await database.ScalarAsync<long>("SELECT count(*) FROM scores JOIN challenges USING (id, challenge_id)")
        );
    }

    [Fact]
    public async Task Only_rows_that_differ_are_written()
    {
        await database.ImportedAsync(Fixture(Challenge(1, "c1"), Challenge(2, "c2"), Challenge(3, "c3")));
        const string Writer = "SELECT xmin::text FROM challenges WHERE id = 2";
        var before = await database.ScalarAsync<string>(Writer);

        var report = await database.ImportedAsync(
            Fixture(Challenge(1, "c1", """ "title": "new" """), Challenge(2, "c2"), Challenge(4, "c4"))
        );

        Assert.Equal(
            new ModelCounts
            {
                Read = 3,
                Created = 1,
                Updated = 1,
                Unchanged = 1,
            },
            report.Models["api.challenge"]
        );
        Assert.Equal(before, await database.ScalarAsync<string>(Writer));
        Assert.Equal("new", await database.ScalarAsync<string>("SELECT title FROM challenges WHERE id = 1"));
    }

    [Fact]
    public async Task The_last_of_several_records_with_the_same_key_counts()
    {
        var report = await database.ImportedAsync(
            Fixture(Challenge(2, "c2"), Challenge(1, "a"), Challenge(1, "b"), Challenge(1, "c"))
        );

        Assert.Equal(
            new ModelCounts
            {
                Read = 4,
                Created = 2,
                Skipped = 2,
            },
            report.Models["api.challenge"]
        );
        Assert.Equal("c", await database.ScalarAsync<string>("SELECT challenge_id FROM challenges WHERE id = 1"));
    }

    [Fact]
    public async Task A_record_without_a_key_is_a_new_row_above_all_keys()
    {
        await database.ExecuteAsync("SELECT setval('scores_id_seq', 41)");

        await database.ImportedAsync(
            Fixture(Challenge(), Score(9), Record("api.score", null, """ "challenge_id": "c1" """))
        );

        Assert.Equal(42, await database.ScalarAsync<long>("SELECT max(id) FROM scores"));
    }

    [Fact]
    public async Task A_user_or_a_group_without_a_key_is_found_by_its_name()
    {
        await database.ImportedAsync(Fixture(User(5, "bob"), Group(6, "editors")));

        var report = await database.ImportedAsync(
            Fixture(
                Record(
                    "auth.user",
                    null,
                    """ "username": "bob", "email": "b@example.org", "groups": [["editors"], ["new"]] """
                ),
                Record("auth.group", null, """ "name": "editors" """),
                Record("auth.group", null, """ "name": "new" """),
                Company(1, """["bob"]"""),
                Company(2, """["eve"]"""),
                Record("auth.user", null, """ "username": "eve" """)
            )
        );

        Assert.Equal(
            new ModelCounts
            {
                Read = 2,
                Created = 1,
                Updated = 1,
            },
            report.Models["auth.user"]
        );
        Assert.Equal(
            new ModelCounts
            {
                Read = 2,
                Created = 1,
                Unchanged = 1,
            },
            report.Models["auth.group"]
        );
        Assert.Equal("b@example.org", await database.ScalarAsync<string>("SELECT email FROM users WHERE id = 5"));
        Assert.Equal(
            "6,7",
            await database.ScalarAsync<string>("SELECT string_agg(role_id::text, ',' ORDER BY role_id) FROM user_roles")
        );
        Assert.Equal(
            "5,6",
            await database.ScalarAsync<string>("SELECT string_agg(user_id::text, ',' ORDER BY id) FROM companies")
        );
    }

    [Fact]
    public async Task Sequences_are_raised_above_the_imported_keys_and_never_lowered()
    {
        await database.ExecuteAsync("SELECT setval('challenges_id_seq', 100)");

        await database.ImportedAsync(Fixture(Challenge(50), Score(70)));

        Assert.Equal(101, await database.ScalarAsync<long>("SELECT nextval('challenges_id_seq')"));
        Assert.Equal(71, await database.ScalarAsync<long>("SELECT nextval('scores_id_seq')"));
    }

    [Fact]
    public async Task An_import_does_not_copy_the_primary_score_into_a_missing_EMD_score()
    {
        await database.ImportedAsync(Fixture(Challenge(), Score(1, fields: """ "score": 0.5 """)));

        Assert.True(await database.ScalarAsync<bool>("SELECT score = 0.5 AND emd_score IS NULL FROM scores"));
    }

    [Fact]
    public async Task A_missing_field_gets_its_default_in_a_new_row_and_is_kept_in_an_existing_one()
    {
        const string Sparse = """[{"model": "auth.user", "pk": 1, "fields": {"username": "ada"}}]""";
        await database.ImportedAsync(Sparse);
        Assert.True(
            await database.ScalarAsync<bool>(
                "SELECT is_active AND NOT is_staff AND password_hash IS NULL AND date_joined = '2026-01-02T03:04:05Z' FROM users"
            )
        );

        await database.ImportedAsync(Fixture(User(1, "ada", """ "email": "a@example.org", "first_name": "Ada" """)));
        var report = await database.ImportedAsync(Sparse);

        Assert.Equal(1, report.Models["auth.user"].Unchanged);
        Assert.Equal("Ada", await database.ScalarAsync<string>("SELECT first_name FROM users"));
    }

    [Fact]
    public async Task Django_resets_missing_fields_and_so_does_missing_default()
    {
        await database.ImportedAsync(Fixture(Challenge(1, "c1", """ "dataset": "a/b.csv" """)));

        await database.ImportedAsync(
            Fixture(Challenge(1, "c1")),
            new ImportOptions { Missing = MissingFields.Default }
        );

        Assert.True(await database.ScalarAsync<bool>("SELECT dataset IS NULL FROM challenges"));
    }

    [Fact]
    public async Task Columns_that_Django_does_not_know_are_filled_in()
    {
        await database.ImportedAsync(Fixture(User(1, "Ada", """ "email": "Straße@example.org" """)));

        Assert.Equal("Ada", await database.ScalarAsync<string>("SELECT normalized_username FROM users"));
        Assert.Equal(
            "STRASSE@EXAMPLE.ORG".Replace("SS", "ß"),
            await database.ScalarAsync<string>("SELECT normalized_email FROM users")
        );
        Assert.True(
            await database.ScalarAsync<bool>(
                "SELECT lockout_enabled AND length(security_stamp) = 32 AND concurrency_stamp IS NOT NULL FROM users"
            )
        );
    }

    [Theory]
    [InlineData(""" "password": "pbkdf2_sha256$260000$new$b" """, true)]
    [InlineData(""" "is_staff": true """, true)]
    [InlineData(""" "is_superuser": true """, true)]
    [InlineData(""" "is_active": false """, true)]
    [InlineData(""" "groups": [1] """, true)]
    [InlineData(""" "first_name": "Ada" """, false)]
    public async Task A_changed_password_or_privilege_ends_the_sign_ins(string change, bool ends)
    {
        const string Stamp = "SELECT security_stamp FROM users";
        await database.ImportedAsync(Fixture(User(), Group()));
        var before = await database.ScalarAsync<string>(Stamp);

        var report = await database.ImportedAsync(Fixture(User(1, "ada", change)));

        Assert.Equal(1, report.Models["auth.user"].Updated);
        Assert.Equal(ends, before != await database.ScalarAsync<string>(Stamp));
    }

    [Fact]
    public async Task Groups_are_replaced_when_the_record_names_them_and_kept_when_it_does_not()
    {
        await database.ImportedAsync(
            Fixture(Group(1, "a"), Group(2, "b"), User(1, "ada", """ "groups": [1, 1, 2] """))
        );
        const string Groups = "SELECT coalesce(string_agg(role_id::text, ','), '') FROM user_roles";

        await database.ImportedAsync(Fixture(User(1, "ada")));
        Assert.Equal("1,2", await database.ScalarAsync<string>(Groups));
        await database.ImportedAsync(Fixture(User(1, "ada", """ "groups": [2] """)));
        Assert.Equal("2", await database.ScalarAsync<string>(Groups));
        await database.ImportedAsync(Fixture(User(1, "ada", """ "groups": [] """)));
        Assert.Equal("", await database.ScalarAsync<string>(Groups));
    }

    [Fact]
    public async Task Permissions_are_counted_as_not_carried()
    {
        var report = await database.ImportedAsync(
            Fixture(
                User(1, "ada", """ "user_permissions": [1, ["add_score", "api", "score"]] """),
                Record("auth.group", 1, """ "name": "g", "permissions": [4, 5, 6] """)
            )
        );

        Assert.Equal(2, report.IgnoredFields["auth.user.user_permissions"]);
        Assert.Equal(3, report.IgnoredFields["auth.group.permissions"]);
    }

    [Fact]
    public async Task A_filled_table_has_the_indexes_and_foreign_keys_that_it_had()
    {
        var before = await database.SchemaAsync();
        var scores = Enumerable.Range(1, 20_000).Select(n => Score(n, $"c{n % 7}"));
        var challenges = Enumerable.Range(0, 7).Select(n => Challenge(n + 1, $"c{n}"));

        await database.ImportedAsync(Fixture([.. scores, .. challenges]));

        Assert.Equal(before, await database.SchemaAsync());
        Assert.Equal(20_000, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
        Assert.Equal(
            20_000,
            await database.ScalarAsync<float>("SELECT reltuples FROM pg_class WHERE relname = 'scores'")
        );
    }

    [Theory]
    [InlineData(7)]
    [InlineData(100)]
    public async Task Only_changed_rows_are_updated_part_by_part(int partRows)
    {
        string Changing(int n, double score) => Score((n + 12) * 3, $"c{Math.Abs(n % 4)}", $""" "score": {score} """);
        var challenges = Enumerable.Range(0, 4).Select(n => Challenge(n + 1, $"c{n}")).ToList();
        var before = Enumerable.Range(-10, 60).Select(n => Changing(n, 0.5));
        await database.ImportedAsync(Fixture([.. challenges, .. before]));
        var after = Enumerable.Range(-10, 90).Reverse().Select(n => Changing(n, n % 2 == 0 ? 0.5 : 0.75));

        var report = await database.ImportedAsync(
            Fixture([.. challenges, .. after]),
            new ImportOptions { PartRows = partRows }
        );

        Assert.Equal(
            new ModelCounts
            {
                Read = 90,
                Created = 30,
                Updated = 30,
                Unchanged = 30,
            },
            report.Models["api.score"]
        );
        Assert.Equal(
            90,
            await database.ScalarAsync<long>(
                "SELECT count(*) FROM scores WHERE score = CASE WHEN id % 2 = 0 THEN 0.5 ELSE 0.75 END"
            )
        );
    }

    [Fact]
    public async Task Each_part_is_written_in_the_order_of_the_indexes()
    {
        const string Runs = """
            SELECT count(*) FROM (
                SELECT challenge_id <> lag(challenge_id) OVER (ORDER BY ctid) AS starts FROM scores WHERE id > {0} AND score = {1}
            ) rows WHERE starts IS NOT FALSE
            """;
        var challenges = Enumerable.Range(0, 10).Select(n => Challenge(n + 1, $"c{n}")).ToList();
        Task ImportAsync(int last, double score) =>
            database.ImportedAsync(
                Fixture([
                    .. challenges,
                    .. Enumerable.Range(1, last).Select(n => Score(n, $"c{n % 10}", $""" "score": {score} """)),
                ]),
                new ImportOptions { PartRows = 1000 }
            );
        await ImportAsync(3000, 1);
        await database.ExecuteAsync("VACUUM ANALYZE scores");

        await ImportAsync(3000, 2);
        await database.ExecuteAsync("VACUUM ANALYZE scores");
        await ImportAsync(6000, 2);

        // A row more or less may find a place elsewhere.
        Assert.InRange(await database.ScalarAsync<long>(string.Format(Runs, 0, 2)), 3 * 10, 4 * 10 + 5);
        Assert.InRange(await database.ScalarAsync<long>(string.Format(Runs, 3000, 2)), 10, 15);
    }

    [Fact]
    public async Task Tables_that_VACUUM_has_seen_empty_are_not_scanned_for_every_row()
    {
        const int Rows = 5_000;
        await EndSessionsAsync();
        await database.ExecuteAsync("VACUUM users, user_roles, challenges, scores; SELECT pg_stat_reset()");
        var users = Enumerable.Range(1, Rows).Select(n => User(n, $"user{n}", """ "groups": [1] """));
        var scores = Enumerable.Range(1, Rows).Select(n => Score(n));

        await database.ImportedAsync(Fixture([Group(1), .. users, Challenge(), .. scores]));

        await EndSessionsAsync();
        var blocks = await database.ScalarAsync<decimal>(
            "SELECT sum(heap_blks_hit + heap_blks_read) FROM pg_statio_user_tables"
        );
        Assert.InRange(blocks, Rows, 20 * Rows);
    }

    /// <summary>A session reports what it has read and written when it ends, or at some time before.</summary>
    private async Task EndSessionsAsync()
    {
        database.DataSource.Clear();
        const string Others =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        while (await database.ScalarAsync<long>(Others) > 0)
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_role_that_does_not_own_the_tables_can_import()
    {
        var importer = $"importer_of_{database.Name}"; // roles belong to the whole server
        await database.ExecuteAsync(
            $"""
            CREATE ROLE {importer} LOGIN PASSWORD 'secret';
            GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES, TRIGGER ON ALL TABLES IN SCHEMA public TO {importer};
            GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {importer}
            """
        );
        try
        {
            await using var asImporter = NpgsqlDataSource.Create(
                new NpgsqlConnectionStringBuilder(database.ConnectionString)
                {
                    Username = importer,
                    Password = "secret",
                }
            );
            var scores = Enumerable.Range(1, (int)DroppedIndexes.MinRows).Select(n => Score(n));
            var outcome = await new FixtureImporter(asImporter, database.Tables, database.Time).ImportAsync(
                new MemoryStream(Encoding.UTF8.GetBytes(Fixture([Challenge(), .. scores]))),
                new ImportOptions(),
                null,
                cancellationToken: TestContext.Current.CancellationToken
            );

            Assert.IsType<ImportOutcome.Imported>(outcome);
        }
        finally
        {
            await database.ExecuteAsync($"DROP OWNED BY {importer}; DROP ROLE {importer}");
        }
    }

    [Fact]
    public async Task A_dry_run_says_what_would_happen_and_changes_nothing()
    {
        await database.ImportedAsync(Fixture(Challenge(1, "c1")));
        var before = await database.StateAsync();

        var report = await database.ImportedAsync(
            Fixture(Challenge(1, "c1", """ "title": "new" """), Challenge(2, "c2")),
            new ImportOptions { DryRun = true }
        );

        Assert.True(report.DryRun);
        Assert.Equal(
            new ModelCounts
            {
                Read = 2,
                Created = 1,
                Updated = 1,
            },
            report.Models["api.challenge"]
        );
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task Unknown_models_and_fields_are_left_out_and_counted_when_the_caller_says_so()
    {
        var report = await database.ImportedAsync(
            Fixture(
                Challenge(1, "c1", """ "colour": "red", "shape": {"a": [NaN]} """),
                Record("shop.order", 1, """ "price": NaN, "lines": [-Infinity, Infinity] """)
            ),
            new ImportOptions { Unknown = WhenFound.Skip }
        );

        Assert.Equal(1, report.Models["api.challenge"].Created);
        Assert.Equal(new ModelCounts { Read = 1, Ignored = 1 }, report.Models["shop.order"]);
        Assert.Equal(1, report.IgnoredFields["api.challenge.colour"]);
    }

    [Fact]
    public async Task Orphans_are_left_out_and_counted_when_the_caller_says_so()
    {
        var report = await database.ImportedAsync(
            Fixture(Challenge(), Score(1), Score(2, "gone"), Company(1, "77"), User(1, "ada", """ "groups": [99] """)),
            new ImportOptions { Orphans = WhenFound.Skip }
        );

        Assert.Equal(
            new ModelCounts
            {
                Read = 2,
                Created = 1,
                Skipped = 1,
            },
            report.Models["api.score"]
        );
        Assert.Equal(new ModelCounts { Read = 1, Skipped = 1 }, report.Models["user_api.company"]);
        Assert.Equal(1, report.IgnoredFields["auth.user.groups"]);
    }

    [Fact]
    public async Task Only_one_import_runs_at_a_time()
    {
        var gate = new TaskCompletionSource();
        await using var slow = new GatedStream(Encoding.UTF8.GetBytes(Fixture(Challenge())), gate.Task);
        var first = database.Importer.ImportAsync(
            slow,
            new ImportOptions(),
            null,
            cancellationToken: TestContext.Current.CancellationToken
        );
        await slow.Reading;

        Assert.IsType<ImportOutcome.AlreadyRunning>(await database.ImportAsync(Fixture(Challenge(2, "c2"))));

        gate.SetResult();
        Assert.IsType<ImportOutcome.Imported>(await first);
        Assert.IsType<ImportOutcome.Imported>(await database.ImportAsync(Fixture(Challenge(2, "c2"))));
    }

    [Fact]
    public async Task A_cancelled_import_changes_nothing_and_makes_room_for_the_next()
    {
        using var cancelled = new CancellationTokenSource();
        var records = Enumerable.Range(1, 5000).Select(n => Challenge(n, $"c{n}"));
        await using var endless = new GatedStream(
            Encoding.UTF8.GetBytes(Fixture([.. records])),
            Task.Delay(Timeout.Infinite, cancelled.Token),
            openAfter: 600_000
        );
        var import = database.Importer.ImportAsync(
            endless,
            new ImportOptions(),
            null,
            cancellationToken: cancelled.Token
        );
        await endless.Reading;

        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => import);
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM challenges"));
        await database.ImportedAsync(Fixture(Challenge()));
    }

    [Fact]
    public async Task Progress_is_reported_by_phase()
    {
        var told = new List<ImportProgress>();

        await database.Importer.ImportAsync(
            File.OpenRead(FixtureDatabase.DumpPath),
            new ImportOptions(),
            new Listener(told.Add),
            cancellationToken: TestContext.Current.CancellationToken
        );

        Assert.Equal(
            [ImportPhase.Reading, ImportPhase.Merging, ImportPhase.Committing],
            told.Select(progress => progress.Phase).Distinct()
        );
        Assert.Equal(new FileInfo(FixtureDatabase.DumpPath).Length, told[^1].Bytes);
        Assert.Equal(1650, told[^1].Records);
    }
}
