using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>A record means here what it means to Django.</summary>
public sealed class DjangoMeaningTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_field_that_a_record_does_not_have_gets_the_default_of_Djangos_model()
    {
        await database.ImportedAsync(
            Fixture(
                Record("auth.user", 1, """ "username": "ada" """),
                Record("api.challenge", 1, """ "challenge_id": "c1" """),
                Record("api.score", 1, """ "challenge_id": "c1" """)
            )
        );

        Assert.Equal(
            "admin||||t f f",
            await database.ScalarAsync<string>(
                """
                SELECT concat_ws('|', created_by, title, description, username,
                    concat_ws(' ', is_active::text::char, is_staff::text::char, is_superuser::text::char))
                FROM challenges, (SELECT is_active, is_staff, is_superuser FROM users) u, (SELECT username FROM scores) s
                """
            )
        );
        Assert.Equal("completed", await database.ScalarAsync<string>("SELECT status FROM scores"));
        Assert.True(await database.ScalarAsync<bool>("SELECT score IS NULL AND emd_score IS NULL FROM scores"));
    }

    [Fact]
    public async Task With_missing_default_an_existing_row_gets_the_same_defaults()
    {
        await database.ImportedAsync(
            Fixture(Challenge(), Score(1, fields: """ "status": "failed", "score": 1, "created_at": "2020-01-01" """))
        );

        await database.ImportedAsync(
            Fixture(
                Record("api.challenge", 1, """ "challenge_id": "c1" """),
                Record("api.score", 1, """ "challenge_id": "c1" """)
            ),
            new ImportOptions { Missing = MissingFields.Default }
        );

        Assert.Equal("admin", await database.ScalarAsync<string>("SELECT created_by FROM challenges"));
        Assert.Equal(
            "completed|2020",
            await database.ScalarAsync<string>("SELECT status || '|' || to_char(created_at, 'YYYY') FROM scores")
        );
        Assert.True(await database.ScalarAsync<bool>("SELECT score IS NULL FROM scores"));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(20_000)] // straight into the table
    public async Task Invented_times_of_creation_are_counted(int scores)
    {
        var records = Enumerable
            .Range(1, scores)
            .Select(n =>
                n % 2 == 0 ? Score(n) : Record("api.score", n, """ "challenge_id": "c1", "username": "ada" """)
            );

        var report = await database.ImportedAsync(Fixture([Challenge(), .. records]));
        var again = await database.ImportedAsync(
            Fixture(
                Record("api.score", 1, """ "challenge_id": "c1", "username": "bob" """),
                Record("api.score", scores + 1, """ "challenge_id": "c1", "username": "bob" """)
            )
        );

        Assert.Equal(new Dictionary<string, long> { ["api.score.created_at"] = scores / 2 }, report.InventedTimes);
        Assert.Equal(new Dictionary<string, long> { ["api.score.created_at"] = 1 }, again.InventedTimes);
    }

    [Theory]
    [InlineData("api.Challenge")]
    [InlineData("api.CHALLENGE")]
    [InlineData("api.challenge")]
    public async Task The_case_of_a_model_does_not_matter(string label)
    {
        var report = await database.ImportedAsync(Fixture(Challenge().Replace("api.challenge", label)));

        Assert.Equal(1, report.Models["api.challenge"].Created);
        Assert.Equal(
            1,
            (await database.ExportAsync(new ExportOptions { Format = FixtureFormat.Jsonl, Models = [label] })).Count(
                value => value == '\n'
            )
        );
    }

    [Theory]
    [InlineData("Api.challenge", "There is no model 'Api.challenge'; did you mean 'api.challenge'?")]
    [InlineData("api.challenges", "There is no model 'api.challenges'; did you mean 'api.challenge'?")]
    [InlineData("api.challange", "There is no model 'api.challange'; did you mean 'api.challenge'?")]
    [InlineData(
        "ContentTypes.contenttype",
        "There is no model 'ContentTypes.contenttype'; did you mean 'contenttypes.contenttype'?"
    )]
    [InlineData("shop.order", "There is no model 'shop.order'.")]
    public async Task The_case_of_an_app_does_matter_and_the_error_says_what_was_meant(string label, string detail)
    {
        var error = Assert.Single(await database.RejectedAsync(Fixture(Record(label, 1, ""))));
        var mistake = await database.Exporter.FindMistakeAsync(
            new ExportOptions { Models = [label] },
            TestContext.Current.CancellationToken
        );

        Assert.StartsWith(detail, error.Detail);
        Assert.Equal(detail, mistake?.Detail);
    }

    [Fact]
    public async Task Djangos_bookkeeping_models_are_known_in_any_case() =>
        Assert.Equal(
            1,
            (await database.ImportedAsync(Fixture(Record("auth.Permission", 1, "")))).Models["auth.Permission"].Ignored
        );

    [Theory]
    [InlineData("challenge", "api.score has no field 'challenge'; did you mean 'challenge_id'?")]
    [InlineData("emd_scor", "api.score has no field 'emd_scor'; did you mean 'emd_score'?")]
    [InlineData("pk", "api.score has no field 'pk'.")]
    [InlineData("colour", "api.score has no field 'colour'.")]
    public async Task A_field_that_does_not_exist_is_named_with_the_one_that_was_meant(string field, string detail)
    {
        var error = Assert.Single(
            await database.RejectedAsync(Fixture(Challenge(), Score(1, fields: $""" "{field}": 1 """)))
        );

        Assert.StartsWith(detail, error.Detail);
    }

    [Fact]
    public async Task User_id_means_the_user()
    {
        await database.ImportedAsync(
            Fixture(
                User(7),
                User(8, "bob"),
                Company(1, "7").Replace("\"user\"", "\"user_id\""),
                Company(2, "8", """ "user_id": 8 """)
            )
        );

        Assert.Equal(
            "7 8",
            await database.ScalarAsync<string>("SELECT string_agg(user_id::text, ' ' ORDER BY id) FROM companies")
        );
    }

    [Theory]
    [InlineData(
        """ {"model": "user_api.company", "pk": 1, "fields": {"user": 7, "name": "n", "user_id": 8}} """,
        "user"
    )]
    [InlineData(""" {"model": "user_api.company", "pk": 1, "fields": {"id": 2, "user": 7, "name": "n"}} """, "id")]
    [InlineData(""" {"model": "user_api.company", "fields": {"id": 2, "user": 7, "name": "n"}, "pk": 1} """, "id")]
    [InlineData(""" {"fields": {"id": null, "user": 7}, "pk": 1, "model": "user_api.company"} """, "id")]
    [InlineData(
        """ {"model": "user_api.company", "pk": 1, "fields": {"user": ["ada"], "name": "n", "user_id": ["bob"]}} """,
        "user"
    )]
    [InlineData(
        """ {"model": "user_api.company", "pk": 1, "fields": {"user": ["ada"], "name": "n", "user_id": 8}} """,
        "user"
    )]
    public async Task Two_names_that_say_different_things_are_a_contradiction(string record, string field)
    {
        var error = Assert.Single(await database.RejectedAsync(Fixture(User(7), User(8, "bob"), record)));

        Assert.Equal(("contradiction", field), (error.Code, error.Field));
    }

    [Theory]
    [InlineData(""" {"model": "api.challenge", "fields": {"id": 9, "challenge_id": "c9"}} """)]
    [InlineData(""" {"model": "api.challenge", "pk": 9, "fields": {"id": 9, "challenge_id": "c9"}} """)]
    [InlineData(""" {"fields": {"id": "9", "challenge_id": "c9"}, "model": "api.challenge"} """)]
    public async Task An_id_among_the_fields_is_the_key(string record)
    {
        await database.ImportedAsync(Fixture(record));

        Assert.Equal(9, await database.ScalarAsync<long>("SELECT id FROM challenges"));
    }

    [Fact]
    public async Task Users_without_a_key_are_numbered_in_the_order_of_the_file()
    {
        await database.ImportedAsync(
            Fixture(
                User(5, "root"),
                Record("auth.user", null, """ "username": "zoe" """),
                Record("auth.user", null, """ "username": "ada" """),
                Record("auth.user", null, """ "username": "mia" """)
            )
        );

        Assert.Equal(
            "root 5, zoe 6, ada 7, mia 8",
            await database.ScalarAsync<string>("SELECT string_agg(username || ' ' || id, ', ' ORDER BY id) FROM users")
        );
    }

    public static TheoryData<string, string> BeyondDjango =>
        new()
        {
            { User(1L << 31), "bad-key" },
            { Group(1L << 31), "bad-key" },
            { User(0), "bad-key" },
            { Challenge(0), "bad-key" },
            { Score(-3), "bad-key" },
            { Challenge(1L << 53), "bad-key" },
            { User(2, "u2", $""" "password": "{new string('!', 129)}" """), "too-long" },
            { Company(1, fields: $""" "website": "{new string('w', 201)}" """), "too-long" },
            { Challenge(2, "c2", $""" "dataset": "{new string('d', 101)}" """), "too-long" },
        };

    [Theory]
    [MemberData(nameof(BeyondDjango))]
    public async Task A_value_that_Django_could_not_load_back_is_refused(string record, string code) =>
        Assert.Equal(code, Assert.Single(await database.RejectedAsync(Fixture(User(), Challenge(), record))).Code);

    [Fact]
    public async Task A_value_that_Django_can_just_hold_is_imported()
    {
        await database.ImportedAsync(
            Fixture(
                User(int.MaxValue, "last", $""" "password": "{new string('!', 128)}" """),
                Company(1, $"{int.MaxValue}", $""" "website": "{new string('w', 200)}" """)
            )
        );

        Assert.Equal(200, await database.ScalarAsync<int>("SELECT length(website) FROM companies"));
    }

    [Theory]
    [InlineData("UTC", "2025-06-01T10:00:00", "2025-06-01 10:00:00")]
    [InlineData("Europe/Berlin", "2025-06-01T10:00:00", "2025-06-01 08:00:00")]
    [InlineData("Europe/Berlin", "2025-01-01", "2024-12-31 23:00:00")]
    [InlineData("Europe/Berlin", "2025-06-01T10:00:00Z", "2025-06-01 10:00:00")]
    [InlineData("Europe/Berlin", "2025-10-26T02:30:00", "2025-10-26 01:30:00")] // the second of two
    public async Task A_time_without_a_zone_is_read_in_the_zone_that_the_caller_names(
        string zone,
        string time,
        string utc
    )
    {
        var report = await database.ImportedAsync(
            Fixture(
                $$"""{"model": "api.challenge", "pk": 1, "fields": {"challenge_id": "c1", "closes_on": "{{time}}", "created_at": "{{time}}"} }"""
            ),
            new ImportOptions { TimeZone = TimeZoneInfo.FindSystemTimeZoneById(zone) }
        );

        Assert.Equal(
            utc,
            await database.ScalarAsync<string>("SELECT (closes_on AT TIME ZONE 'UTC')::text FROM challenges")
        );
        Assert.Equal((time.EndsWith('Z') ? 0 : 2, zone), (report.NaiveTimes, report.TimeZone));
    }

    [Fact]
    public async Task A_time_that_the_clocks_skip_is_an_error()
    {
        var rejected = await database.ImportAsync(
            Fixture(Challenge(1, "c1", """ "closes_on": "2025-03-30T02:30:00" """)),
            new ImportOptions { TimeZone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin") }
        );

        var error = Assert.Single(Assert.IsType<ImportOutcome.Rejected>(rejected).Errors);
        Assert.Equal(("bad-timestamp", "#/0/fields/closes_on"), (error.Code, error.Pointer));
    }

    [Theory]
    [InlineData("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA", 1)]
    [InlineData("bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuv", 1)]
    [InlineData("$2b$12$abcdefghijklmnopqrstuv", 1)]
    [InlineData("md5$salt$0123456789abcdef0123456789abcdef", 1)]
    [InlineData("pbkdf2_sha256$260000$salt$short", 1)]
    [InlineData("pbkdf2_sha256$260000$salt$k8kCwnTwmx1PHOfsK6v94MjLRVSPkbIjfgUzr4LBKmI=", 0)]
    [InlineData("!NoPasswordAtAll", 0)]
    [InlineData("", 0)]
    public async Task A_hash_that_nobody_can_verify_is_counted(string hash, long mustSet)
    {
        var report = await database.ImportedAsync(Fixture(User(1, "ada", $""" "password": "{hash}" """)));

        Assert.Equal(mustSet, report.MustSetPassword);
    }

    [Theory]
    [InlineData("hunter2")]
    [InlineData("correct horse battery staple")]
    [InlineData("pass$word")]
    [InlineData("c2VjcmV0")]
    public async Task A_password_in_plain_text_is_refused_and_not_repeated(string password)
    {
        var error = Assert.Single(
            await database.RejectedAsync(Fixture(User(1, "ada", $""" "password": "{password}" """)))
        );

        Assert.Equal("bad-password", error.Code);
        Assert.DoesNotContain(password, $"{error}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Orphans_are_counted_for_each_model_and_the_answer_names_the_way_out()
    {
        var scores = Enumerable.Range(1, 150).Select(n => Score(n, "gone"));

        var rejected = Assert.IsType<ImportOutcome.Rejected>(
            await database.ImportAsync(Fixture([Company(1), Company(2, "9"), Challenge(), .. scores]))
        );

        Assert.Equal(new Dictionary<string, long> { ["user_api.company"] = 2, ["api.score"] = 150 }, rejected.Orphans);
        Assert.Equal(152, rejected.ErrorCount);
        Assert.Contains("2 of user_api.company, 150 of api.score", rejected.Summary, StringComparison.Ordinal);
        Assert.Contains("orphans=skip", rejected.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Orphans_among_directly_loaded_rows_are_reported_together_with_others()
    {
        var scores = Enumerable.Range(1, 20_000).Select(n => Score(n, n == 7 ? "gone" : "c1"));

        var rejected = Assert.IsType<ImportOutcome.Rejected>(
            await database.ImportAsync(Fixture([.. scores, Challenge(), Company(2, "9")]))
        );

        Assert.Equal(new Dictionary<string, long> { ["user_api.company"] = 1, ["api.score"] = 1 }, rejected.Orphans);
    }
}
