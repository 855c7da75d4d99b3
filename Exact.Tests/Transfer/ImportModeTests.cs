using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Tests.Support;
using Npgsql;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

public sealed class ImportModeTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    private static readonly ImportOptions Skip = new() { Mode = ImportMode.Skip };
    private static readonly ImportOptions Fail = new() { Mode = ImportMode.Fail };
    private static readonly ImportOptions Replace = new() { Mode = ImportMode.Replace };

    public async ValueTask InitializeAsync()
    {
        await database.EmptyAsync();
        await database.ImportedAsync(
            Fixture(
                Group(1, "a"),
                User(1, "root", """ "is_superuser": true, "groups": [1] """),
                User(2, "bob"),
                Company(1, "2"),
                Challenge(1, "c1"),
                Challenge(2, "c2"),
                Score(1, "c1"),
                Score(2, "c2")
            )
        );
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Skip_leaves_rows_that_exist_and_adds_the_others()
    {
        var report = await database.ImportedAsync(
            Fixture(
                Challenge(1, "c1", """ "title": "new" """),
                Challenge(3, "c3"),
                User(1, "root", """ "groups": [] """)
            ),
            Skip
        );

        Assert.Equal(
            new ModelCounts
            {
                Read = 2,
                Created = 1,
                Skipped = 1,
            },
            report.Models["api.challenge"]
        );
        Assert.Equal("t", await database.ScalarAsync<string>("SELECT title FROM challenges WHERE id = 1"));
        Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM user_roles"));
    }

    [Fact]
    public async Task Fail_refuses_a_file_with_a_row_that_exists()
    {
        var before = await database.StateAsync();

        var error = Assert.Single(await database.RejectedAsync(Fixture(Challenge(3, "c3"), Challenge(1, "c1")), Fail));

        Assert.Equal(("exists", 1, 1), (error.Code, error.Record, error.Pk));
        Assert.Equal(before, await database.StateAsync());
        await database.ImportedAsync(Fixture(Challenge(3, "c3")), Fail);
    }

    [Fact]
    public async Task Replace_leaves_exactly_what_the_file_holds()
    {
        var report = await database.ImportedAsync(
            Fixture(
                User(9, "bob", """ "is_superuser": true """), // the name of a row that goes
                Challenge(2, "c2", """ "title": "new" """),
                Score(2, "c2"),
                Score(3, "c2")
            ),
            Replace
        );

        Assert.Equal(
            new ModelCounts
            {
                Read = 1,
                Created = 1,
                Deleted = 2,
            },
            report.Models["auth.user"]
        );
        Assert.Equal(
            new ModelCounts
            {
                Read = 1,
                Updated = 1,
                Deleted = 1,
            },
            report.Models["api.challenge"]
        );
        Assert.Equal(
            new ModelCounts
            {
                Read = 2,
                Created = 1,
                Unchanged = 1,
                Deleted = 1,
            },
            report.Models["api.score"]
        );
        Assert.Equal(1, report.Models["user_api.company"].Deleted);
        Assert.Equal(1, report.Models["auth.group"].Deleted);
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM user_roles"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(""" "is_superuser": false """)]
    [InlineData(""" "is_superuser": true, "is_active": false """)]
    public async Task Replace_leaves_an_active_superuser(string fields)
    {
        var before = await database.StateAsync();
        var file = fields.Length == 0 ? Fixture(Challenge()) : Fixture(User(1, "root", fields));

        var error = Assert.Single(await database.RejectedAsync(file, Replace));

        Assert.Equal("no-superuser", error.Code);
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task Replace_by_an_export_of_the_same_database_writes_nothing()
    {
        var before = await database.StateAsync();

        FixtureDatabase.Report(await database.ImportAsync(await database.ExportAsync(), Replace));

        Assert.Equal(before, await database.StateAsync());
    }

    [Theory]
    [InlineData("shop.order")]
    [InlineData("Api.challenge")]
    public async Task Replace_refuses_to_delete_while_records_of_the_file_are_left_out(string label)
    {
        var before = await database.StateAsync();
        var file = Fixture(User(1, "root", """ "is_superuser": true """), Challenge().Replace("api.challenge", label));
        var options = Replace with { Unknown = WhenFound.Skip };

        var refused = Assert.Single(await database.RejectedAsync(file, options));
        var dryRun = Assert.Single(await database.RejectedAsync(file, options with { DryRun = true }));
        var other = Assert.Single(await database.RejectedAsync(file, options with { Confirmed = ["api.score"] }));

        var misspelt = await database.RejectedAsync(file, options with { Confirmed = [label, "shop.orde"] });

        Assert.Equal(before, await database.StateAsync());
        Assert.Contains("confirm=shop.orde names no model", Assert.Single(misspelt).Detail, StringComparison.Ordinal);
        Assert.All([refused, dryRun, other], error => Assert.Equal(("left-out", label), (error.Code, error.Model)));
        Assert.Contains($"confirm={label}", refused.Detail, StringComparison.Ordinal);

        await database.ImportedAsync(file, options with { Confirmed = [label] });
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM challenges"));
    }

    [Fact]
    public async Task Replace_refuses_to_delete_while_orphans_are_left_out()
    {
        var before = await database.StateAsync();
        var file = Fixture(User(1, "root", """ "is_superuser": true """), Challenge(), Score(9, "gone"));

        var error = Assert.Single(await database.RejectedAsync(file, Replace with { Orphans = WhenFound.Skip }));

        Assert.Equal(("left-out", "api.score"), (error.Code, error.Model));
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task Replace_refuses_to_delete_while_a_later_record_replaces_another_with_the_same_key()
    {
        var before = await database.StateAsync();
        var file = Fixture(User(1, "root", """ "is_superuser": true """), Challenge(1, "c1"), Challenge(1, "c2"));

        var error = Assert.Single(await database.RejectedAsync(file, Replace));

        Assert.Equal(("left-out", "api.challenge"), (error.Code, error.Model));
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task Replace_takes_a_file_with_the_bookkeeping_of_Django()
    {
        var file = Fixture(
            User(1, "root", """ "is_superuser": true """),
            Record("auth.permission", 1, ""),
            Record("sessions.Session", 1, "")
        );

        await database.ImportedAsync(file, Replace with { Unknown = WhenFound.Skip });

        Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM users"));
    }

    [Fact]
    public async Task Replace_counts_rows_that_are_deleted_with_their_parent()
    {
        var report = await database.ImportedAsync(
            Fixture(User(1, "root", """ "is_superuser": true """), Challenge(2, "c2"), Score(1, "c1"), Score(2, "c2")),
            new()
            {
                Mode = ImportMode.Replace,
                Orphans = WhenFound.Skip,
                Confirmed = ["api.score"],
            }
        );

        Assert.Equal(
            new ModelCounts
            {
                Read = 2,
                Skipped = 1,
                Unchanged = 1,
                Deleted = 1,
            },
            report.Models["api.score"]
        );
        Assert.Equal("2", await database.ScalarAsync<string>("SELECT string_agg(id::text, ' ') FROM scores"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_scores_of_a_renamed_challenge_follow_it(bool replace)
    {
        var catalog = await Catalog.ReadAsync(database);
        var file = Fixture(
            User(1, "root", """ "is_superuser": true """),
            Challenge(1, "renamed"),
            Challenge(2, "c2"),
            Score(1, "renamed"),
            Score(2, "c2")
        );

        var report = await database.ImportedAsync(file, replace ? Replace : null);

        Assert.Equal(1, report.Models["api.challenge"].Updated);
        Assert.Equal(1, report.Models["api.score"].Updated);
        Assert.Equal(catalog, await Catalog.ReadAsync(database));
    }

    [Fact]
    public async Task A_challenge_that_would_leave_its_scores_behind_keeps_its_name()
    {
        var before = await database.StateAsync();

        var error = Assert.Single(await database.RejectedAsync(Fixture(Challenge(1, "renamed"))));

        Assert.Equal(("in-use", "#/0/fields/challenge_id"), (error.Code, error.Pointer));
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task A_role_that_does_not_own_the_tables_cannot_rename_a_challenge()
    {
        await using var role = await TestRole.CreateAsync();
        await database.ExecuteAsync(
            $"""
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role.Name};
            GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role.Name}
            """
        );
        var before = await database.StateAsync();
        await using var session = NpgsqlDataSource.Create(role.ConnectionString(database.Name));
        var importer = new FixtureImporter(session, database.Tables, database.Time);
        using var file = new MemoryStream(
            Encoding.UTF8.GetBytes(Fixture(Challenge(1, "renamed"), Score(1, "renamed")))
        );

        var outcome = await importer.ImportAsync(
            file,
            new ImportOptions(),
            cancellationToken: TestContext.Current.CancellationToken
        );

        Assert.Equal("refused", Assert.Single(Assert.IsType<ImportOutcome.Rejected>(outcome).Errors).Code);
        Assert.Equal(before, await database.StateAsync());
        await database.ExecuteAsync($"DROP OWNED BY {role.Name}");
    }
}
