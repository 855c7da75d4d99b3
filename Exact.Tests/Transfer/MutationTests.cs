using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>Whatever comes in, an answer comes out, and a refused file changes nothing.</summary>
public sealed class MutationTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    internal static readonly byte[] Valid = Encoding.UTF8.GetBytes(
        Fixture(
            Group(1, "é"),
            User(2, "ada", """ "groups": [1, ["é"]], "user_permissions": [] """),
            Company(3, """["ada"]"""),
            Score(4, fields: """ "score": NaN, "emd_score": -Infinity, "error_message": "a\u00fc\ud83c\udfaf\n" """),
            Challenge(5, "c1", """ "closes_on": "2025-01-01 00:00:00.5+02:00", "dataset": "" """),
            """{"model": "sessions.session", "pk": "x", "fields": {"a": [1, {"b": null}]}}"""
        )
    );

    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_cut_off_file_is_never_taken_for_a_whole_one()
    {
        FixtureDatabase.Report(await DryRunAsync(Valid));

        Assert.IsType<ImportOutcome.NotJson>(await ReadAsync([]));
        for (var length = 1; length < Valid.Length; length++)
        {
            var outcome = Assert.IsType<ImportOutcome.NotJson>(await ReadAsync(Valid[..length]));
            Assert.EndsWith("it was cut off.", outcome.Error.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_mutated_file_is_answered_and_changes_nothing()
    {
        var random = new Random(20251122);
        var before = await database.StateAsync();
        var outcomes = new Dictionary<Type, int>();
        for (var round = 0; round < 3000; round++)
        {
            var file = Mutate(Valid, random);
            var outcome = await ReadAsync(file);
            if (outcome is ImportOutcome.Imported || round % 50 == 0)
            {
                outcome = await DryRunAsync(file);
            }

            outcomes[outcome.GetType()] = outcomes.GetValueOrDefault(outcome.GetType()) + 1;
        }

        Assert.Equal(before, await database.StateAsync());
        Assert.Equal(3, outcomes.Count); // some are still well, some are wrong, some are not JSON
        Assert.All(outcomes.Values, count => Assert.InRange(count, 50, 2900));
    }

    /// <summary>The way of an import, to its end and back.</summary>
    private Task<ImportOutcome> DryRunAsync(byte[] file) =>
        database.ImportAsync(file, new ImportOptions { DryRun = true });

    /// <summary>Only the reading, which is most of it and takes no time; what is well so far has yet to meet the database.</summary>
    private async Task<ImportOutcome> ReadAsync(byte[] file)
    {
        await using var reader = new FixtureReader(new MemoryStream(file));
        var parser = new RecordParser(database.Tables, new ImportOptions(), now: 0);
        var problems = new List<FixtureError>();
        while (await reader.TryReadAsync(parser, TestContext.Current.CancellationToken))
        {
            problems.AddRange(parser.Record.Problems);
        }

        return reader.Fault is { Code: FixtureErrorCode.NotJson } fault ? new ImportOutcome.NotJson(fault)
            : problems.Count > 0 ? new ImportOutcome.Rejected(problems, problems.Count, new Dictionary<string, long>())
            : new ImportOutcome.Imported(
                new ImportTally(database.Tables).ToReport(
                    new ImportOptions { DryRun = true },
                    reader.Records,
                    reader.Bytes
                )
            );
    }

    internal static byte[] Mutate(byte[] file, Random random)
    {
        string[] spices =
        [
            "\"",
            "\\",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "null",
            "NaN",
            "-",
            "-Infinity",
            "1e999",
            "9223372036854775808",
            "\\ud800",
            "\\u0000",
            "\"pk\": 1,",
            "\"model\": \"api.score\",",
            "\n",
            "\0",
            "true",
            new string('9', 400),
            new string('[', 40),
            "\uFEFF",
        ];
        var mutated = file.ToList();
        for (var changes = random.Next(1, 3); changes > 0; changes--)
        {
            var at = random.Next(mutated.Count);
            switch (random.Next(5))
            {
                case 0:
                    mutated[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    mutated.InsertRange(at, Encoding.UTF8.GetBytes(random.GetItems(spices, 1)[0]));
                    break;
                case 2:
                    mutated.RemoveRange(at, Math.Min(random.Next(1, 9), mutated.Count - at));
                    break;
                case 3:
                    var length = Math.Min(random.Next(1, 60), mutated.Count - at);
                    mutated.InsertRange(random.Next(mutated.Count), mutated.GetRange(at, length));
                    break;
                default:
                    mutated[at] = (byte)random.Next('0', '9' + 1);
                    break;
            }
        }

        return [.. mutated];
    }
}
