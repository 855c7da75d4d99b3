using System.Text;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Tests.Support;
using Exact.Tests.Transfer.Comparing;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>What Django wrote goes through Exact and back into a real Django, and is the same data.</summary>
public sealed class DjangoTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    private const string Text =
        """ "\u0001\u001f\u007f\b\f\n\r\t \"quoted\" back\\slash / <b>&amp;</b> 'é' e\u0301 \u2028\u2029\ufeff \u202eمثال 明 🎯 \ud83c\udfaf" """;

    internal static readonly string OddValues = Fixture(
        Group(1, "editors"),
        Group(2, "Редакторы, 'n \\\"co\\\""),
        User(1, "ada", """ "groups": [1, 2], "email": "", "is_superuser": true, "is_staff": true """),
        User(2, "Ada", """ "groups": [2], "email": "Straße@example.org", "last_login": "9999-12-31T23:59:59.999" """),
        User(2147483647, "ünïcode.200@x+200", """ "groups": [], "is_active": false, "password": "" """),
        User(7, "moved", """ "password": "pbkdf2_sha256$260000$a$b", "first_name": " padded ", "last_name": "明" """),
        Company(1, user: "2147483647", fields: """ "description": null, "website": null """),
        Company(9, user: "1", fields: $""" "description": {Text}, "website": "" """),
        Challenge(1, "c1", $""" "title": "", "description": {Text}, "closes_on": "0001-01-01T00:00:00" """),
        Challenge(
            (1L << 53) - (1L << 32),
            "C1",
            """ "dataset": "challenges/C1/ü.zip", "mlmodel": "", "xaimethod": null """
        ),
        Challenge(3, new string('ü', 100), """ "created_at": "2024-02-29T23:59:59.001" """),
        Score(1, "c1", """ "score": NaN, "emd_score": Infinity, "ima_score": -Infinity """),
        Score(2, "c1", """ "score": -0.0, "emd_score": 5e-324, "ima_score": 1.7976931348623157e308 """),
        Score(3, "c1", """ "score": 1e16, "emd_score": 123456789012345680, "ima_score": 0.1, "ima_std": 1e-5 """),
        Score(4, "C1", """ "score": 0.5, "emd_score": null, "ima_score": 3 """),
        Score(5, "C1", $""" "error_message": {Text}, "method_name": "", "status": "failed" """),
        Score(1L << 40, "C1", """ "error_message": "", "method_name": null, "status": "pending" """)
    );

    private readonly Django django = new(database.ConnectionString);

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(await Django.IsInstalledAsync(), Django.IsMissing);
        await database.EmptyAsync();
        await django.MigrateAsync();
        await django.FlushAsync();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("json")]
    [InlineData("jsonl")]
    public async Task Every_odd_value_survives_the_round_trip(string format)
    {
        await django.LoadAsync(Encoding.UTF8.GetBytes(OddValues));
        await AssertGoesRoundAsync(format);
    }

    [Fact]
    public async Task The_dump_of_the_old_backend_survives_the_round_trip()
    {
        await django.LoadAsync(await FixtureDatabase.DumpAsync());
        await AssertGoesRoundAsync("json");
    }

    [Fact]
    public async Task Rows_at_every_limit_go_from_Exact_to_Django_and_back()
    {
        await database.ImportedAsync(LegacyModels.AtTheLimits());
        await database.ExecuteAsync(
            """
            INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores)
            SELECT challenge_id, '.py', true FROM challenges;
            INSERT INTO disqualifications (score_id, reason, created_by, created_at)
            SELECT id, 'late', 'ada', now() FROM scores
            """
        );
        var forDjango = new ExportOptions { For = ExportTarget.Django };
        var exported = await database.ExportAsync(forDjango);

        await django.LoadAsync(exported);
        var dumped = await django.DumpAsync();
        await database.EmptyAsync();
        await database.ImportedAsync(dumped);

        Assert.Equal(Encoding.UTF8.GetString(exported), Encoding.UTF8.GetString(await database.ExportAsync(forDjango)));
    }

    [Fact]
    public async Task Django_loads_microseconds_though_it_does_not_dump_them()
    {
        await database.ImportedAsync(
            Fixture(Challenge(1, "c1", """ "closes_on": "2025-01-01T00:00:00.123456+02:00" """))
        );

        await django.LoadAsync(await database.ExportAsync());

        Assert.Equal(
            "2024-12-31 22:00:00.123456",
            await database.ScalarAsync<string>("SELECT (closes_on AT TIME ZONE 'UTC')::text FROM api_challenge")
        );
    }

    [Fact]
    public async Task Natural_keys_lead_to_the_same_users_and_groups()
    {
        await django.LoadAsync(Encoding.UTF8.GetBytes(OddValues));
        var natural = await django.DumpAsync("--natural-foreign", "--natural-primary");

        await database.ImportedAsync(natural);
        Assert.Equal(
            "Ada in Редакторы, 'n \"co\", ada in editors, ada in Редакторы, 'n \"co\"",
            await database.ScalarAsync<string>(
                """
                SELECT string_agg(line, ', ' ORDER BY line COLLATE "C") FROM (
                    SELECT u.username || ' in ' || r.name AS line
                    FROM user_roles m JOIN users u ON u.id = m.user_id JOIN roles r ON r.id = m.role_id
                ) lines
                """
            )
        );
        Assert.Equal(
            "ünïcode.200@x+200, ada",
            await database.ScalarAsync<string>(
                "SELECT string_agg(u.username, ', ' ORDER BY c.id) FROM companies c JOIN users u ON u.id = c.user_id"
            )
        );

        var again = await database.ImportedAsync(natural);
        Assert.All(again.Models.Values, counts => Assert.Equal(counts.Read, counts.Unchanged));
    }

    private async Task AssertGoesRoundAsync(string format)
    {
        var option = $"--format={format}";
        var before = await django.DumpAsync(option);
        await database.ImportedAsync(before);
        var exported = await database.ExportAsync(
            new ExportOptions { Format = format == "json" ? FixtureFormat.Json : FixtureFormat.Jsonl }
        );

        await django.FlushAsync();
        await django.LoadAsync(exported, format);

        Assert.Equal(before, await django.DumpAsync(option));
    }
}
