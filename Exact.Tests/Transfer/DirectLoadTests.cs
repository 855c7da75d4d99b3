using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>Rows that go straight into their empty table while the file is read.</summary>
public sealed class DirectLoadTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    /// <summary>Enough for the table to be filled while the file is read, and for some reads of the source after that.</summary>
    private const int Many = 2 * (int)DroppedIndexes.MinRows;

    /// <summary>What a file has among and behind its many plain scores, and how it is imported.</summary>
    private static readonly Dictionary<string, (string[] Records, ImportOptions Options)> Cases = new()
    {
        ["nothing else"] = ([], new()),
        ["nothing else, in a dry run"] = ([], new() { DryRun = true }),
        ["nothing else, to replace what there is"] = ([], new() { Mode = ImportMode.Replace }),
        ["nothing else, to skip what exists"] = ([], new() { Mode = ImportMode.Skip }),
        ["nothing else, to refuse what exists"] = ([], new() { Mode = ImportMode.Fail }),
        ["a key for the second time"] = ([Score(7, fields: """ "score": 1 """)], new()),
        ["a key for the second time, with fewer fields"] = (
            [
                Record(
                    "api.score",
                    7,
                    """ "username": "bob", "challenge_id": "c1", "created_at": "2025-01-01T00:00:00" """
                ),
            ],
            new() { Missing = MissingFields.Default }
        ),
        ["a lower key"] = ([Score(-1)], new()),
        ["no key"] = (
            [
                Record(
                    "api.score",
                    null,
                    """ "username": "bob", "challenge_id": "c1", "created_at": "2025-01-01T00:00:00" """
                ),
            ],
            new()
        ),
        ["no name"] = ([Record("api.score", Many + 1, """ "challenge_id": "c1" """)], new()),
        ["no such challenge"] = ([Score(Many + 1, "gone"), Score(Many + 2), Score(Many + 3, "lost")], new()),
        ["no such challenge, and that is well"] = (
            [Score(Many + 1, "gone"), Score(Many + 2), Score(Many + 3, "lost")],
            new() { Orphans = WhenFound.Skip }
        ),
        ["other models between, and no such challenge"] = (
            [
                User(),
                Score(Many + 1),
                Challenge(2, "c2"),
                Score(Many + 2, "c2"),
                User(2, "bob"),
                Score(Many + 3, "gone"),
            ],
            new()
        ),
        ["what refers to scores"] = (
            [Submission(1, 7), Submission(2, Many), Disqualification(1, Many), Rules(), Stored()],
            new()
        ),
        ["a submission of no score"] = ([Submission(1, 7), Submission(2, Many + 1)], new()),
        ["what refers to a score that is left out"] = (
            [Score(Many + 1, "gone"), Submission(1, 7), Submission(2, Many + 1), Disqualification(1, Many + 1)],
            new() { Orphans = WhenFound.Skip }
        ),
        ["a number that is none"] = ([Score(Many + 1, fields: """ "score": "x" """)], new()),
        ["half a record"] = (["""{"model": "api.sc"""], new()),
    };

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public static TheoryData<string> Names => [.. Cases.Keys];

    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>A file that comes slowly goes through the staging area, to the same end.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_file_has_the_same_result_loaded_directly_or_staged(string name)
    {
        var (records, options) = Cases[name];
        var file = Encoding.UTF8.GetBytes(Fixture([.. Plain(), .. records, Challenge()]));

        var (straight, wasFilledDirectly) = await ImportAsync(file, options);
        await database.EmptyAsync();
        var (staged, wasStaged) = await ImportAsync(file, options, database.Time);

        Assert.Equal(staged, straight);
        Assert.Equal((true, false), (wasFilledDirectly, wasStaged));
    }

    private async Task<(string[] Result, bool IsFilledDirectly)> ImportAsync(
        byte[] file,
        ImportOptions options,
        FakeTimeProvider? lateBy = null
    )
    {
        var gate = new TaskCompletionSource();
        var source = new GatedStream(file, gate.Task, file.Length * 9 / 10, lateBy);
        var result = database.ResultAsync(source, options);
        await Task.WhenAny(source.Reading, result);
        var isFilled = await IsTakenAsync();
        gate.SetResult();
        return (await result, isFilled);
    }

    [Fact]
    public async Task Rows_that_arrive_fast_are_loaded_before_the_file_ends()
    {
        var gate = new TaskCompletionSource();
        var file = Encoding.UTF8.GetBytes(Fixture([Challenge(), .. Plain()]));
        var source = new GatedStream(file, gate.Task, file.Length * 9 / 10);
        var import = database.Importer.ImportAsync(source, new ImportOptions(), cancellationToken: CancellationToken);
        await source.Reading;
        var isTaken = await IsTakenAsync();
        gate.SetResult();

        Assert.True(isTaken);
        Assert.Equal(Many, FixtureDatabase.Report(await import).Models["api.score"].Created);
    }

    [Fact]
    public async Task Others_can_use_the_empty_tables_while_a_file_arrives_slowly()
    {
        var gate = new TaskCompletionSource();
        var file = Encoding.UTF8.GetBytes(Fixture([Challenge(), .. Plain()]));
        var source = new GatedStream(file, gate.Task, file.Length * 9 / 10, database.Time);
        var import = database.Importer.ImportAsync(source, new ImportOptions(), cancellationToken: CancellationToken);
        await source.Reading;
        var isTaken = await IsTakenAsync();
        gate.SetResult();

        Assert.False(isTaken);
        Assert.Equal(Many, FixtureDatabase.Report(await import).Models["api.score"].Created);
    }

    [Fact]
    public async Task An_import_does_not_wait_for_a_table_that_somebody_reads()
    {
        await using var reader = await database.DataSource.OpenConnectionAsync(CancellationToken);
        await using var transaction = await reader.BeginTransactionAsync(CancellationToken);
        await using (var command = new NpgsqlCommand("SELECT count(*) FROM scores", reader))
        {
            await command.ExecuteScalarAsync(CancellationToken);
        }

        var gate = new TaskCompletionSource();
        var file = Encoding.UTF8.GetBytes(Fixture([Challenge(), .. Plain()]));
        var source = new GatedStream(file, gate.Task, file.Length * 9 / 10);
        var import = database.Importer.ImportAsync(source, new ImportOptions(), cancellationToken: CancellationToken);
        await source.Reading;
        await transaction.CommitAsync(CancellationToken);
        gate.SetResult();

        Assert.Equal(Many, FixtureDatabase.Report(await import).Models["api.score"].Created);
    }

    [Fact]
    public async Task An_import_whose_file_stops_while_others_wait_is_given_up()
    {
        var file = Encoding.UTF8.GetBytes(Fixture([Challenge(), .. Plain()]));
        var source = new GatedStream(file, new TaskCompletionSource().Task, file.Length * 9 / 10);
        var import = database.Importer.ImportAsync(source, new ImportOptions(), cancellationToken: CancellationToken);
        await source.Reading;
        Assert.True(await IsTakenAsync());
        database.Time.Advance(new ImportOptions().Patience);

        Assert.Equal(
            "The file stopped coming for 10 seconds, while it filled tables that others were waiting for. Nothing was changed.",
            Assert.IsType<ImportOutcome.Stalled>(await import.WaitAsync(Wait.Limit, CancellationToken)).Detail
        );
        Assert.False(await IsTakenAsync());
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM scores"));
    }

    private static IEnumerable<string> Plain() => Enumerable.Range(1, Many).Select(n => Score(n));

    private Task<bool> IsTakenAsync() =>
        database.ScalarAsync<bool>(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE d.datname = current_database() AND l.relation = 'scores'::regclass AND l.mode = 'AccessExclusiveLock'
            )
            """
        );
}
