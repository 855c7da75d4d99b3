using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

public sealed class ImportErrorTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    public async ValueTask InitializeAsync()
    {
        await database.EmptyAsync();
        await database.ImportedAsync(Fixture(User(1, "taken"), Challenge(1, "c1"), Group(1, "g")));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public static TheoryData<string, string, string> WrongValues =>
        new()
        {
            { Challenge(9, "c9", """ "foo": 1 """), "unknown-field", "#/1/fields/foo" },
            { Challenge(9, "c9", """ "a/b~c %": 1 """), "unknown-field", "#/1/fields/a~1b~0c%20%25" },
            { Challenge(9, "c9", """ "title": null """), "null", "#/1/fields/title" },
            { Challenge(9, "c9", """ "title": 5 """), "wrong-type", "#/1/fields/title" },
            { Challenge(9, "c9", """ "title": ["a"] """), "wrong-type", "#/1/fields/title" },
            { Challenge(9, "c9", """ "title": NaN """), "wrong-type", "#/1/fields/title" },
            { Challenge(9, "c9", $""" "title": "{new string('ü', 101)}" """), "too-long", "#/1/fields/title" },
            { Challenge(9, "c9", """ "description": "nul\u0000x" """), "bad-text", "#/1/fields/description" },
            { Challenge(9, "c9", """ "description": "\ud800" """), "bad-text", "#/1/fields/description" },
            { Challenge(9, ""), "bad-name", "#/1/fields/challenge_id" },
            { Challenge(9, "."), "bad-name", "#/1/fields/challenge_id" },
            { Challenge(9, ".."), "bad-name", "#/1/fields/challenge_id" },
            { Challenge(9, "c9", """ "pk": 7 """), "unknown-field", "#/1/fields/pk" },
            { Challenge(9, "c9", """ "id": 7 """), "contradiction", "#/1/fields/id" },
            { Challenge(9007199254740991, "c9"), "bad-key", "#/1/pk" },
            { User(2147483648, "u9"), "bad-key", "#/1/pk" },
            { Challenge(9, "c9", """ "dataset": "../../etc/passwd" """), "bad-path", "#/1/fields/dataset" },
            { Challenge(9, "c9", """ "closes_on": "" """), "bad-timestamp", "#/1/fields/closes_on" },
            { Challenge(9, "c9", """ "closes_on": "2025-02-30T00:00:00" """), "bad-timestamp", "#/1/fields/closes_on" },
            { Challenge(9, "c9", """ "closes_on": 1735689600 """), "bad-timestamp", "#/1/fields/closes_on" },
            { Score(9, fields: """ "score": 1e400 """), "out-of-range", "#/1/fields/score" },
            { Score(9, fields: """ "score": "x" """), "wrong-type", "#/1/fields/score" },
            { Score(9, fields: """ "score": [1] """), "wrong-type", "#/1/fields/score" },
            { Score(9, fields: """ "status": "bogus" """), "bad-choice", "#/1/fields/status" },
            { Score(9, "gone"), "orphan", "#/1/fields/challenge_id" },
            { Company(9, "77"), "orphan", "#/1/fields/user" },
            { Company(9, """["nobody"]"""), "orphan", "#/1/fields/user" },
            { Company(9, """[1, 2]"""), "wrong-type", "#/1/fields/user" },
            { Company(9, "1.5"), "wrong-type", "#/1/fields/user" },
            { Company(9, """["a\u0000"]"""), "wrong-type", "#/1/fields/user" },
            { User(9, "u9", """ "is_active": "yes" """), "wrong-type", "#/1/fields/is_active" },
            { User(9, "u9", """ "groups": [77] """), "orphan", "#/1/fields/groups" },
            { User(9, "u9", """ "groups": null """), "wrong-type", "#/1/fields/groups" },
            { User(9, "u9", """ "groups": ["x"] """), "wrong-type", "#/1/fields/groups" },
            {
                User(9, "u9", """ "password": "pbkdf2_sha256$2147483647$a$b" """),
                "bad-password",
                "#/1/fields/password"
            },
            { User(9, "taken"), "taken", "#/1/fields/username" },
            { Challenge(9, "c1"), "taken", "#/1/fields/challenge_id" },
            { Group(9, "g"), "taken", "#/1/fields/name" },
            { Rules(9, "gone"), "orphan", "#/1/fields/challenge_id" },
            { Rules(9, "c8", """ "daily_limit": 2147483648 """), "out-of-range", "#/1/fields/daily_limit" },
            { Rules(9, "c8", """ "total_limit": -2147483649 """), "out-of-range", "#/1/fields/total_limit" },
            { Rules(9, "c8", """ "max_bytes": 1.5 """), "wrong-type", "#/1/fields/max_bytes" },
            { Rules(9, "c8", """ "accepted_types": null """), "null", "#/1/fields/accepted_types" },
            { Submission(9, 77), "orphan", "#/1/fields/score" },
            { Submission(9, fields: """ "worker": "w1" """), "unknown-field", "#/1/fields/worker" },
            { Disqualification(9, 77), "orphan", "#/1/fields/score" },
            { Stored(9, "../../etc/passwd"), "bad-path", "#/1/fields/key" },
            { Stored(9, ""), "bad-path", "#/1/fields/key" },
            { Stored(9, fields: """ "sha256": "E3B0" """), "bad-hash", "#/1/fields/sha256" },
            { Record("exact.challengerules", 9, ""), "required", "#/1/fields/challenge_id" },
            { """{"model": "api.nope", "pk": 1, "fields": {}}""", "unknown-model", "#/1" },
            { """{"model": "API.Challenge", "pk": 1, "fields": {}}""", "unknown-model", "#/1" },
            { """{"pk": 1, "fields": {}}""", "not-a-record", "#/1" },
            { """{"model": 5, "pk": 1, "fields": {}}""", "not-a-record", "#/1" },
            { """{"model": "api.score", "pk": 1}""", "not-a-record", "#/1" },
            { """{"model": "api.score", "pk": 1, "fields": null}""", "not-a-record", "#/1" },
            { """{"model": "api.score", "pk": "abc", "fields": {"challenge_id": "c1"}}""", "bad-key", "#/1/pk" },
            { """{"model": "api.score", "pk": 5.7, "fields": {"challenge_id": "c1"}}""", "bad-key", "#/1/pk" },
            {
                """{"model": "api.score", "pk": 9223372036854775807, "fields": {"challenge_id": "c1"}}""",
                "bad-key",
                "#/1/pk"
            },
            {
                """{"model": "api.challenge", "pk": 9, "fields": {"title": "no id"}}""",
                "required",
                "#/1/fields/challenge_id"
            },
            { "null", "not-a-record", "#/1" },
            { "5", "not-a-record", "#/1" },
            { "\"text\"", "not-a-record", "#/1" },
            { "[[1], {}]", "not-a-record", "#/1" },
        };

    [Theory]
    [MemberData(nameof(WrongValues))]
    public async Task A_wrong_record_is_reported_with_its_place_and_changes_nothing(
        string record,
        string code,
        string place
    )
    {
        var before = await database.StateAsync();

        var error = Assert.Single(await database.RejectedAsync(Fixture(Challenge(8, "c8"), record)));

        Assert.Equal(code, error.Code);
        Assert.Equal(place, error.Pointer);
        Assert.Equal(1, error.Record);
        Assert.Equal(2, error.Line);
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task An_error_says_line_offset_model_key_and_field()
    {
        const string File = """
            [
            {"model": "api.challenge", "pk": 7, "fields": {
              "challenge_id": "ü",
              "created_at": "gestern"
            }}]
            """;

        var error = Assert.Single(await database.RejectedAsync(File));

        Assert.Equal(4, error.Line);
        Assert.Equal(
            Encoding.UTF8.GetByteCount(File[..File.IndexOf("\"gestern\"", StringComparison.Ordinal)]),
            error.ByteOffset
        );
        Assert.Equal(17, error.Column);
        Assert.Equal(("api.challenge", 7, "created_at"), (error.Model, error.Pk, error.Field));
    }

    [Fact]
    public async Task Each_error_of_a_file_of_one_line_says_its_column()
    {
        var records = string.Join(", ", Challenge(8, "ё"), Score(1, "gone"), Score(2, fields: """ "score": "x" """));

        var orphan = Assert.Single(await database.RejectedAsync($"[{records.Replace("\"x\"", "1")}]"));
        var value = Assert.Single(await database.RejectedAsync($"[{records}]"));

        Assert.Equal(
            ("orphan", records.IndexOf(Score(1, "gone"), StringComparison.Ordinal) + 2),
            (orphan.Code, orphan.Column)
        );
        Assert.Equal(records.IndexOf("\"x\"", StringComparison.Ordinal) + 2, value.Column);
    }

    [Fact]
    public async Task A_model_or_field_that_is_not_known_is_one_error_and_hides_no_other()
    {
        var thumbnails = Enumerable.Range(1, 150).Select(pk => Record("easy_thumbnails.thumbnail", pk, ""));
        var extended = Enumerable.Range(1, 150).Select(pk => Score(pk, fields: """ "worker": 1 """));
        var wrong = Score(151, fields: """ "score": "x" """);

        var rejected = Assert.IsType<ImportOutcome.Rejected>(
            await database.ImportAsync(
                Fixture([Record("sites.site", 1, ""), .. thumbnails, .. extended, Record("sites.site", 2, ""), wrong])
            )
        );

        Assert.Equal(4, rejected.ErrorCount);
        Assert.Equal(
            [
                "sites.site 1 2: There is no model 'sites.site'. 2 records have it; this is the first. To leave its records out, import with unknown=skip.",
                "easy_thumbnails.thumbnail 2 150: There is no model 'easy_thumbnails.thumbnail'. 150 records have it; this is the first. To leave its records out, import with unknown=skip.",
                "api.score 152 150: api.score has no field 'worker'. 150 records have it; this is the first. To leave it out, import with unknown=skip.",
                "api.score 303 1: The value must be a number or null.",
            ],
            rejected.Errors.Select(e => $"{e.Model} {e.Line} {e.Records}: {e.Detail}")
        );
    }

    [Theory]
    [InlineData("auth.group", "roles", "name")]
    [InlineData("api.challenge", "challenges", "challenge_id")]
    public async Task The_largest_key_leaves_room_for_rows_whose_export_is_imported_again(
        string label,
        string table,
        string name
    )
    {
        await database.EmptyAsync();
        string At(long? key, string called) => Record(label, key, $""" "{name}": "{called}" """);
        var largest = database.Tables.All.Single(known => known.Label == label).MaxKey;

        for (var round = 0; round < 2; round++)
        {
            await database.ImportedAsync(Fixture(At(5, "five"), At(largest, "largest")));
            await database.ImportedAsync(Fixture(At(null, $"new {round}")));
            var export = await database.ExportAsync();
            await database.EmptyAsync();
            FixtureDatabase.Report(await database.ImportAsync(export));
        }

        Assert.Equal(
            $"5 6 7 {largest}",
            await database.ScalarAsync<string>($"SELECT string_agg(id::text, ' ' ORDER BY id) FROM {table}")
        );
    }

    [Fact]
    public async Task The_first_hundred_errors_are_listed_and_all_are_counted()
    {
        var bad = Enumerable.Range(1, 250).Select(n => Score(n, fields: """ "status": "bogus", "score": "x" """));
        var orphans = Enumerable.Range(1, 250).Select(n => Score(n, "gone"));

        var values = Assert.IsType<ImportOutcome.Rejected>(await database.ImportAsync(Fixture([.. bad])));
        var sets = Assert.IsType<ImportOutcome.Rejected>(await database.ImportAsync(Fixture([.. orphans])));

        Assert.Equal((100, 500), (values.Errors.Count, values.ErrorCount));
        Assert.Equal((100, 250), (sets.Errors.Count, sets.ErrorCount));
    }

    [Fact]
    public async Task Two_records_cannot_share_a_unique_value()
    {
        var error = Assert.Single(await database.RejectedAsync(Fixture(Challenge(8, "same"), Challenge(9, "same"))));

        Assert.Equal(("taken", 1, 9), (error.Code, error.Record, error.Pk));
        Assert.Equal("'same' belongs to an earlier record of the file.", error.Detail);
    }

    [Fact]
    public async Task Two_companies_cannot_belong_to_one_user()
    {
        var error = Assert.Single(await database.RejectedAsync(Fixture(Company(1), Company(2, """["taken"]"""))));

        Assert.Equal(("taken", "user"), (error.Code, error.Field));
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("null", 1)]
    [InlineData("hello", 1)]
    [InlineData("[", 1)]
    [InlineData("[{}", 1)]
    [InlineData("[,]", 1)]
    [InlineData("[{} {}]", 1)]
    [InlineData("[{},]", 1)]
    [InlineData("[]]", 1)]
    [InlineData("[] x", 1)]
    [InlineData("[\n{'model': 1}]", 2)]
    [InlineData("[\n{\"model\":\n \"api.score\" // comment\n}]", 3)]
    [InlineData("[{\"model\": \"api.sco", 1)]
    [InlineData("[{\"model\": \"api.score\", \"pk\": 01}]", 1)]
    [InlineData("[{\"model\": \"api.score\", \"pk\": NaNa}]", 1)]
    [InlineData("[{\"a\": \"tab\there\"}]", 1)]
    public async Task A_file_that_is_not_JSON_is_distinguished_from_wrong_records(string file, long line)
    {
        var outcome = Assert.IsType<ImportOutcome.NotJson>(await database.ImportAsync(file));

        Assert.Equal(line, outcome.Error.Line);
        Assert.DoesNotContain("LineNumber", outcome.Error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Endless_nesting_is_refused()
    {
        Assert.IsType<ImportOutcome.NotJson>(await database.ImportAsync(new string('[', 1_000_000)));
        Assert.IsType<ImportOutcome.NotJson>(
            await database.ImportAsync($"[{string.Concat(Enumerable.Repeat("{\"a\":", 100_000))}")
        );
    }

    [Fact]
    public async Task An_error_in_a_record_without_a_key_names_no_key()
    {
        var score = Record("api.score", null, """ "challenge_id": "nowhere" """);

        var error = Assert.Single(await database.RejectedAsync(Fixture(score)));

        Assert.Equal(("orphan", (long?)null), (error.Code, error.Pk));
    }

    [Fact]
    public async Task A_record_larger_than_the_limit_is_refused()
    {
        var huge = Challenge(9, "c9", $""" "description": "{new string('x', FixtureReader.MaxRecord)}" """);

        var error = Assert.Single(await database.RejectedAsync(Fixture(Challenge(8, "c8"), huge)));

        Assert.Equal(("record-too-large", 1), (error.Code, error.Record));
    }
}
