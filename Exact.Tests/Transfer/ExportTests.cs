using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Tests.Transfer.Comparing;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

public sealed class ExportTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    /// <summary>Every odd value that the tables can hold.</summary>
    private static readonly string Odd = Fixture(
        Group(1, "editors"),
        Group(2, "Größe \\\" \\t"),
        User(
            3,
            "Ada",
            """ "groups": [2, 1], "email": "A@example.org", "last_login": "2025-01-01T00:00:00.000001", "is_staff": true """
        ),
        User(
            4,
            "ada",
            """ "password": "!unusable", "first_name": "\u0001\u001f\b\f\n\r\t\"\\/\u007f\u2028\ud83c\udfaf" """
        ),
        User(5, "nobody", """ "password": "", "email": "" """),
        Company(1, "4", """ "description": "", "website": null """),
        Company(2, "3", """ "description": null, "website": "https://example.org" """),
        Challenge(1, "c1", """ "closes_on": "9999-12-31T23:59:59.999999", "dataset": "a/b ü.csv", "mlmodel": "" """),
        Challenge(3, " ", """ "closes_on": "0001-01-01T00:00:00", "description": "" """),
        Challenge(2, " pad ", """ "closes_on": null """),
        Score(
            1,
            fields: """ "score": NaN, "emd_score": Infinity, "emd_std": -Infinity, "ima_score": -0.0, "ima_std": 5e-324 """
        ),
        Score(
            2,
            fields: """ "score": 1.7976931348623157e308, "emd_score": 0.1, "emd_std": 1E5, "ima_score": 1, "ima_std": null """
        ),
        Score(3, fields: """ "score": 0.30000000000000004, "error_message": "", "method_name": "" """),
        Score(9007194959773696, " ", """ "status": "failed", "error_message": "Traceback:\n  \"x\"" """)
    );

    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(FixtureFormat.Json)]
    [InlineData(FixtureFormat.Jsonl)]
    public async Task An_export_that_is_imported_is_exported_as_the_same_bytes(int format)
    {
        var options = new ExportOptions { Format = (FixtureFormat)format };
        await database.ImportedAsync(Odd);
        var first = await database.ExportAsync(options);
        Assert.Equal(first, await database.ExportAsync(options));

        var again = FixtureDatabase.Report(await database.ImportAsync(first));
        Assert.All(again.Models.Values, counts => Assert.Equal(counts.Read, counts.Unchanged));

        await database.EmptyAsync();
        await database.ImportAsync(first);
        Assert.Equal(Encoding.UTF8.GetString(first), Encoding.UTF8.GetString(await database.ExportAsync(options)));
    }

    [Fact]
    public async Task A_dump_of_the_Django_backend_is_exported_with_the_same_values()
    {
        var dump = await FixtureDatabase.DumpAsync();
        await database.ImportAsync(dump);

        var exported = RecordsOf(await database.ExportAsync());

        var original = RecordsOf(dump)
            .Where(record => !FixtureTables.Bookkeeping.Any(record.Key.StartsWith))
            .ToDictionary();
        Assert.Equal(original.Keys.Order(), exported.Keys.Order());
        Assert.All(original, record => AssertSame(record.Value, exported[record.Key]));
    }

    [Fact]
    public async Task Records_look_as_Django_writes_them()
    {
        await database.ImportedAsync(
            Fixture(
                Group(),
                User(2, "ada", """ "groups": [1] """),
                Company(1, "2"),
                Challenge(),
                Score(1, fields: """ "score": 1 """)
            )
        );

        Assert.Equal(
            """
            [
            {"model": "auth.group", "pk": 1, "fields": {"name": "editors", "permissions": []}},
            {"model": "auth.user", "pk": 2, "fields": {"password": "pbkdf2_sha256$260000$a$b", "last_login": null, "is_superuser": false, "username": "ada", "first_name": "", "last_name": "", "email": "", "is_staff": false, "is_active": true, "date_joined": "2025-01-01T00:00:00Z", "groups": [1], "user_permissions": []}},
            {"model": "user_api.company", "pk": 1, "fields": {"user": 2, "name": "ACME", "description": null, "website": null, "created_at": "2025-01-01T00:00:00Z"}},
            {"model": "api.challenge", "pk": 1, "fields": {"challenge_id": "c1", "title": "t", "description": "d", "created_at": "2025-01-01T00:00:00Z", "created_by": "ada", "closes_on": null, "dataset": "", "mlmodel": "", "xaimethod": ""}},
            {"model": "api.score", "pk": 1, "fields": {"username": "ada", "challenge_id": "c1", "score": 1.0, "emd_score": null, "emd_std": null, "ima_score": null, "ima_std": null, "method_name": null, "created_at": "2025-01-01T00:00:00Z", "status": "completed", "error_message": null}}
            ]

            """,
            WithoutNewFields(Encoding.UTF8.GetString(await database.ExportAsync()))
        );
    }

    [Fact]
    public async Task An_empty_database_is_an_empty_list()
    {
        Assert.Equal("[\n]\n", Encoding.UTF8.GetString(await database.ExportAsync()));
        var lines = await database.ExportAsync(new ExportOptions { Format = FixtureFormat.Jsonl });
        Assert.Equal("\n", Encoding.UTF8.GetString(lines));
    }

    [Fact]
    public async Task An_export_can_be_narrowed_to_models_apps_and_a_challenge()
    {
        await database.ImportedAsync(
            Fixture(User(), Company(), Challenge(1, "it's"), Challenge(2, "c2"), Score(1, "it's"), Score(2, "c2"))
        );

        Assert.Equal(
            ["api.challenge 1", "api.challenge 2"],
            await KeysAsync(new ExportOptions { Models = ["api"], Exclude = ["api.score"] })
        );
        Assert.Equal(
            ["api.challenge 1", "api.challenge 2", "api.score 1", "api.score 2", "auth.user 1"],
            await KeysAsync(new ExportOptions { Exclude = ["user_api"] })
        );
        Assert.Equal(["api.challenge 1", "api.score 1"], await KeysAsync(new ExportOptions { Challenge = "it's" }));
        Assert.Empty(await KeysAsync(new ExportOptions { Challenge = "none" }));
        Assert.Equal(
            ("models", "There is no model 'nope'."),
            await database.Exporter.FindMistakeAsync(
                new() { Models = ["api", "nope"] },
                TestContext.Current.CancellationToken
            )
        );
    }

    [Fact]
    public async Task An_export_reads_one_snapshot()
    {
        await database.ImportedAsync(Fixture(User(), Challenge(), Score()));
        await using var slow = new InterruptedStream(() => database.ImportedAsync(Fixture(Score(2), Company())));
        var large = Enumerable.Range(100, 2000).Select(n => User(n, $"u{n}"));
        await database.ImportedAsync(Fixture([.. large]));

        var report = await database.Exporter.ExportAsync(
            slow,
            new ExportOptions(),
            TestContext.Current.CancellationToken
        );

        Assert.Equal(2, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
        Assert.Equal(
            (2001, 0, 1),
            (report.Models["auth.user"], report.Models["user_api.company"], report.Models["api.score"])
        );
        Assert.Equal(slow.Length, report.Bytes);
    }

    [Fact]
    public async Task Every_column_of_a_table_is_carried_or_is_one_that_Django_does_not_know()
    {
        foreach (var table in database.Tables.All)
        {
            var columns = await database.ScalarAsync<string[]>(
                $"SELECT array_agg(column_name::text ORDER BY column_name) FROM information_schema.columns WHERE table_name = '{table.Name}'"
            );
            var known = table
                .Fields.Select(field => field.Column)
                .Concat(table.Derived.Select(derived => derived.Column));

            string[] elsewhere = ["id", "phone_number", "lockout_end", "lease", "lease_until", "worker"];
            Assert.Equal(columns!.Except(elsewhere).Order(), known.Order());
        }
    }

    private async Task<IEnumerable<string>> KeysAsync(ExportOptions options) =>
        RecordsOf(await database.ExportAsync(options)).Keys.Order();

    private static Dictionary<string, JsonElement> RecordsOf(byte[] file) =>
        JsonDocument
            .Parse(file)
            .RootElement.EnumerateArray()
            .ToDictionary(
                record => $"{record.GetProperty("model")} {record.GetProperty("pk")}",
                record => record.GetProperty("fields")
            );

    /// <summary>The same fields in the same order; Django writes a time that it cut to whole seconds with or without <c>.000</c>.</summary>
    private static void AssertSame(JsonElement expected, JsonElement actual) =>
        Assert.Equal(
            expected.EnumerateObject().Select(field => $"{field.Name}: {field.Value}".Replace(".000", "")),
            actual
                .EnumerateObject()
                .Where(field => !IsNew(field.Name) || field.Value.ValueKind is not JsonValueKind.Null)
                .Select(field => $"{field.Name}: {field.Value}".Replace(".000", "").TrimEnd('Z'))
        );

    /// <summary>Drops the fields that the Django backend did not have, which are null in its records.</summary>
    private static string WithoutNewFields(string json) =>
        Regex.Replace(json, ", \"(\\w+)\": null", field => IsNew(field.Groups[1].Value) ? "" : field.Value);

    private static bool IsNew(string field) =>
        field is not ("groups" or "permissions" or "user_permissions")
        && !LegacyModels.All.SelectMany(model => model.Fields).Any(known => known.Name == field);

    /// <summary>Something happens while the first bytes are being sent.</summary>
    private sealed class InterruptedStream(Func<Task> interrupt) : MemoryStream
    {
        private bool isInterrupted;

        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            if (!isInterrupted)
            {
                isInterrupted = true;
                await interrupt();
            }

            await base.WriteAsync(buffer, cancellationToken);
        }
    }
}
