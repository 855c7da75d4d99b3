using System.Globalization;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Exporting;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>What Django does not know travels like the rest: rules, stored files, submissions and disqualifications.</summary>
public sealed class ExactModelTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    /// <summary>All that a file carries of the platform; a lease does not.</summary>
    private const string Platform = """
        SELECT string_agg(line, E'\n' ORDER BY line) FROM (
            SELECT format('challenge %s', to_jsonb(t)) AS line FROM challenges t
            UNION ALL SELECT format('rules %s', to_jsonb(t)) FROM challenge_rules t
            UNION ALL SELECT format('file %s', to_jsonb(t)) FROM stored_files t
            UNION ALL SELECT format('score %s', to_jsonb(t) || jsonb_build_object('status', CASE
                WHEN status = 'running' AND EXISTS (SELECT FROM submissions b WHERE b.score_id = t.id) THEN 'pending'
                ELSE status END)) FROM scores t
            UNION ALL SELECT format('submission %s', to_jsonb(t) - ARRAY['lease', 'lease_until', 'worker']) FROM submissions t
            UNION ALL SELECT format('disqualification %s', to_jsonb(t)) FROM disqualifications t
            UNION ALL SELECT format('participant %s', to_jsonb(t)) FROM participants t
        ) lines
        """;

    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.2)]
    [InlineData(-0.3)]
    public async Task A_random_platform_comes_back_as_it_was_but_for_its_leases(double seed)
    {
        await FillAsync(seed);
        var platform = await database.ScalarAsync<string>(Platform);
        var first = await database.ExportAsync();

        await database.EmptyAsync();
        await database.ImportedAsync(Encoding.UTF8.GetString(first));

        Assert.Equal(Encoding.UTF8.GetString(first), Encoding.UTF8.GetString(await database.ExportAsync()));
        Assert.Equal(platform, await database.ScalarAsync<string>(Platform));
        Assert.Equal(
            (0, 0),
            (
                await database.ScalarAsync<long>("SELECT count(*) FROM submissions WHERE lease IS NOT NULL"),
                await database.ScalarAsync<long>(
                    "SELECT count(*) FROM scores s JOIN submissions b ON b.score_id = s.id WHERE status = 'running'"
                )
            )
        );
        Assert.True(await database.ScalarAsync<long>("SELECT count(*) FROM scores WHERE status = 'running'") > 0);
        var again = FixtureDatabase.Report(await database.ImportAsync(first));
        Assert.All(again.Models.Values, counts => Assert.Equal(counts.Read, counts.Unchanged));
    }

    [Fact]
    public async Task Records_stand_behind_those_they_refer_to_and_have_every_field()
    {
        await database.ImportedAsync(
            Fixture(Disqualification(), Submission(), Stored(), Rules(), Score(), Challenge())
        );

        var lines = Encoding.UTF8.GetString(await database.ExportAsync()).Split('\n');

        const string Hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        Assert.Equal(
            [
                """{"model": "exact.challengerules", "pk": 1, "fields": {"challenge_id": "c1", "opens_on": null, "daily_limit": null, "total_limit": null, "max_bytes": null, "accepted_types": "", "hides_scores": false}},""",
                $$$"""{"model": "exact.storedfile", "pk": 1, "fields": {"key": "3f/3fa8", "original_name": "ü.py", "content_type": "text/x-python", "size": 7, "sha256": "{{{Hash}}}", "created_at": "2025-01-01T00:00:00Z", "created_by": "ada"}},""",
                $$$"""{"model": "exact.submission", "pk": 1, "fields": {"score": 1, "file": "3f/3fa8", "size": 7, "sha256": "{{{Hash}}}", "original_name": "ü.py", "attempts": 0, "counts": true, "queued_at": "2025-01-01T00:00:00Z", "started_at": null, "finished_at": null, "log": null}},""",
                """{"model": "exact.disqualification", "pk": 1, "fields": {"score": 1, "reason": "late", "created_by": "ada", "created_at": "2025-01-01T00:00:00Z"}}""",
            ],
            lines.Where(line => line.Contains("\"exact.", StringComparison.Ordinal))
        );
        Assert.Contains("api.score", lines[2]);
    }

    [Fact]
    public async Task An_export_has_them_where_there_are_any_and_not_for_Django()
    {
        await database.ImportedAsync(Fixture(Challenge(), Score()));
        Assert.DoesNotContain(await ModelsAsync(), model => model.Key.StartsWith("exact.", StringComparison.Ordinal));

        await database.ImportedAsync(Fixture(Rules(), Submission()));
        Assert.Equal(
            ["exact.challengerules 1", "exact.submission 1"],
            (await ModelsAsync())
                .Where(model => model.Key.StartsWith("exact.", StringComparison.Ordinal))
                .Select(m => $"{m.Key} {m.Value}")
        );

        var forDjango = await ModelsAsync(new() { For = ExportTarget.Django, Models = ["api", "exact"] });
        Assert.Equal(["api.challenge 1", "api.score 1"], forDjango.Select(model => $"{model.Key} {model.Value}"));
    }

    [Fact]
    public async Task An_export_of_one_challenge_has_what_belongs_to_it_and_nothing_else()
    {
        await database.ImportedAsync(
            Fixture(
                Challenge(1, "c1", """ "dataset": "own" """),
                Challenge(2, "c2", """ "mlmodel": "other" """),
                Score(1, "c1"),
                Score(2, "c2"),
                Rules(1, "c1"),
                Rules(2, "c2"),
                Stored(1, "own"),
                Stored(2, "other"),
                Stored(3, "3f/3fa8"),
                Submission(5, 1),
                Submission(6, 2, """ "file": "sent" """),
                Stored(4, "sent"),
                Disqualification(7, 1),
                Disqualification(8, 2)
            )
        );

        var one = JsonDocument.Parse(await database.ExportAsync(new() { Challenge = "c1" })).RootElement;

        Assert.Equal(
            [
                "api.challenge 1",
                "api.score 1",
                "exact.challengerules 1",
                "exact.storedfile 1",
                "exact.storedfile 3",
                "exact.submission 5",
                "exact.disqualification 7",
            ],
            one.EnumerateArray().Select(record => $"{record.GetProperty("model")} {record.GetProperty("pk")}")
        );
    }

    [Fact]
    public async Task A_record_without_a_key_is_the_row_of_its_challenge_score_or_file()
    {
        await database.ImportedAsync(
            Fixture(Challenge(), Score(), Rules(4), Stored(5), Submission(6), Disqualification(7))
        );

        var report = await database.ImportedAsync(
            Fixture(
                Rules(null, fields: """ "daily_limit": 2 """),
                Stored(null, fields: """ "size": 8 """),
                Submission(null, fields: """ "attempts": 1 """),
                Disqualification(null, fields: """ "reason": "twice" """)
            )
        );

        Assert.All(report.Models.Values, counts => Assert.Equal(1, counts.Updated));
        Assert.Equal(
            "4 2, 5 8, 6 1, 7 twice",
            await database.ScalarAsync<string>(
                """
                SELECT format('%s %s, %s %s, %s %s, %s %s', r.id, daily_limit, f.id, f.size, b.id, attempts, d.id, reason)
                FROM challenge_rules r, stored_files f, submissions b, disqualifications d
                """
            )
        );
    }

    [Fact]
    public async Task A_second_record_of_the_same_challenge_score_or_file_is_refused()
    {
        await database.ImportedAsync(Fixture(Challenge(), Score(), Rules(4), Stored(5), Submission(6)));

        var errors = await database.RejectedAsync(Fixture(Rules(1), Stored(2), Submission(3)));

        Assert.Equal(["challenge_id", "key", "score"], errors.Select(error => error.Field));
        Assert.All(errors, error => Assert.Equal("taken", error.Code));
    }

    [Fact]
    public async Task The_rules_of_a_renamed_challenge_follow_it_with_their_record_and_without()
    {
        await database.ImportedAsync(Fixture(Challenge(1, "c1"), Challenge(2, "c2"), Rules(1, "c1"), Rules(2, "c2")));

        var report = await database.ImportedAsync(
            Fixture(Challenge(1, "new1"), Challenge(2, "new2"), Rules(1, "new1", """ "daily_limit": 3 """))
        );

        Assert.Equal(1, report.Models["exact.challengerules"].Updated);
        Assert.Equal(
            "new1 3, new2 ",
            await database.ScalarAsync<string>(
                "SELECT string_agg(concat(challenge_id, ' ', daily_limit), ', ' ORDER BY id) FROM challenge_rules"
            )
        );
    }

    private async Task<IReadOnlyDictionary<string, long>> ModelsAsync(ExportOptions? options = null) =>
        (
            await database.Exporter.ExportAsync(Stream.Null, options ?? new(), TestContext.Current.CancellationToken)
        ).Models;

    /// <summary>Rows of every state, with text that JSON has to escape, keys with gaps, and times to the microsecond.</summary>
    private Task FillAsync(double seed) =>
        database.ExecuteAsync(
            $"""
            SELECT setseed({seed.ToString(CultureInfo.InvariantCulture)});
            CREATE OR REPLACE FUNCTION pg_temp.words() RETURNS text VOLATILE LANGUAGE sql AS
                $$ SELECT substr(E'\u0001\t"\\ é 明 🎯 </b> \u2028 ', (random() * 9)::int, (random() * 9)::int) || random() $$;
            CREATE OR REPLACE FUNCTION pg_temp.moment() RETURNS timestamptz VOLATILE LANGUAGE sql AS
                $$ SELECT '2020-01-01Z'::timestamptz + random() * interval '3000 days' $$;

            INSERT INTO challenges (id, challenge_id, title, description, created_at, created_by, dataset)
            SELECT n * 3, 'c' || n || ' é/%', 't', pg_temp.words(), pg_temp.moment(), 'ada',
                CASE WHEN random() < 0.5 THEN 'd/' || n END
            FROM generate_series(1, 20) n;
            INSERT INTO challenge_rules
                (id, challenge_id, opens_on, daily_limit, total_limit, max_bytes, accepted_types, hides_scores)
            SELECT id * 7, challenge_id, CASE WHEN random() < 0.5 THEN pg_temp.moment() END,
                CASE WHEN random() < 0.5 THEN (random() * 2147483647)::int END,
                CASE WHEN random() < 0.5 THEN 0 END, CASE WHEN random() < 0.5 THEN (random() * 1e15)::bigint END,
                CASE WHEN random() < 0.5 THEN '.py, .zip' ELSE '' END, random() < 0.5
            FROM challenges WHERE random() < 0.7;
            INSERT INTO scores (id, username, challenge_id, score, emd_score, ima_score, created_at, status, method_name)
            SELECT n * 2, 'u' || (random() * 40)::int, c.challenge_id, random(), CASE WHEN random() < 0.8 THEN random() END,
                random() * 10 - 5, pg_temp.moment(),
                (ARRAY['pending', 'running', 'completed', 'completed', 'failed'])[1 + (random() * 4)::int], pg_temp.words()
            FROM generate_series(1, 600) n JOIN challenges c ON c.id = 3 + 3 * (n % 20);
            INSERT INTO submissions
                (id, score_id, file, size, sha256, original_name, attempts, counts, queued_at, started_at, finished_at, log)
            SELECT id + 1000, id, 's/' || id, (random() * 1e12)::bigint, encode(sha256(id::text::bytea), 'hex'),
                pg_temp.words(), (random() * 3)::int, random() < 0.9, pg_temp.moment(),
                CASE WHEN random() < 0.8 THEN pg_temp.moment() END, CASE WHEN random() < 0.5 THEN pg_temp.moment() END,
                CASE WHEN random() < 0.5 THEN pg_temp.words() END
            FROM scores WHERE random() < 0.7;
            UPDATE submissions b SET lease = gen_random_uuid(), lease_until = now() + interval '1 minute', worker = 'w1'
            FROM scores s WHERE s.id = b.score_id AND s.status = 'running';
            INSERT INTO stored_files (id, key, original_name, content_type, size, sha256, created_at, created_by)
            SELECT id * 5, file, original_name, 'text/x-python', size, sha256, queued_at, 'ada' FROM submissions;
            INSERT INTO disqualifications (id, score_id, reason, created_by, created_at)
            SELECT id + 50, id, pg_temp.words(), 'admin-key', pg_temp.moment() FROM scores WHERE random() < 0.1
            """
        );
}
