using System.Formats.Tar;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Transfer.Archive;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;

namespace Exact.Tests.Transfer;

/// <summary>A complete backup: records and files, out and in again.</summary>
public sealed class ArchiveTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    private const string Key = "aa/aa01";
    private const string OtherKey = "challenges/c1/dataset/data.csv";

    private readonly string folder = Directory.CreateTempSubdirectory("exact-files-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private FolderStore Store => new(folder);

    public async ValueTask InitializeAsync()
    {
        await database.EmptyAsync();
        await PutAsync(Key, "model");
        await PutAsync(OtherKey, new string('x', 200_000));
        await database.ExecuteAsync(
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, mlmodel, dataset)
            VALUES ('c1', 'One', '', '2026-01-01Z', 'ada', '{Key}', '{OtherKey}');
            INSERT INTO stored_files (key, original_name, content_type, size, sha256, created_at, created_by)
            VALUES ('{Key}', 'm.pkl', 'text/plain', 5, encode(sha256('model'), 'hex'), '2026-01-01Z', 'ada'),
                ('{OtherKey}', 'd.csv', 'text/csv', 200000, encode(sha256(repeat('x', 200000)::bytea), 'hex'),
                 '2026-01-01Z', 'ada')
            """
        );
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_complete_backup_brings_back_the_records_and_the_files_byte_for_byte()
    {
        var before = await database.ExportAsync(new ExportOptions());
        var archive = await WriteAsync();
        await LoseAllAsync();

        var report = FixtureDatabase.Report(await ImportAsync(archive));

        Assert.Equal(before, await database.ExportAsync(new ExportOptions()));
        Assert.Equal("model", await ReadAsync(Key));
        Assert.Equal(new string('x', 200_000), await ReadAsync(OtherKey));
        Assert.Equal((3, 2, 200_005), (report.Records, report.Archive!.Files, report.Archive.FileBytes));
        Assert.Empty(report.Archive.Damaged);
    }

    [Fact]
    public async Task Every_tar_program_can_read_a_complete_backup_and_write_it_again()
    {
        var entries = await EntriesAsync(await WriteAsync());

        Assert.Equal(
            ["backup.json", $"files/{Key}", $"files/{OtherKey}", "manifest.json"],
            entries.Select(entry => entry.Name)
        );
        using var manifest = JsonDocument.Parse(entries[^1].Content);
        Assert.Equal(2, manifest.RootElement.GetProperty("files").GetInt64());
        foreach (var format in (TarEntryFormat[])[TarEntryFormat.Gnu, TarEntryFormat.Ustar, TarEntryFormat.Pax])
        {
            await LoseAllAsync();
            FixtureDatabase.Report(await ImportAsync(await TarAsync(entries, format)));
            Assert.Equal("model", await ReadAsync(Key));
        }
    }

    [Fact]
    public async Task A_complete_backup_repairs_an_altered_file_and_leaves_the_others()
    {
        var archive = await WriteAsync();
        await File.WriteAllTextAsync(Path.Combine(folder, Key), "MODEL", Cancellation);

        FixtureDatabase.Report(await ImportAsync(archive));

        Assert.Equal("model", await ReadAsync(Key));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(folder, ".incoming")));
    }

    [Fact]
    public async Task A_dry_run_checks_the_files_and_writes_none()
    {
        var archive = await WriteAsync();
        await LoseAllAsync();

        var report = FixtureDatabase.Report(await ImportAsync(archive, new ImportOptions { DryRun = true }));

        Assert.Equal(2, report.Archive!.Files);
        await AssertNothingChangedAsync();
    }

    [Fact]
    public async Task A_file_that_is_missing_or_altered_already_does_not_prevent_a_backup_of_the_rest()
    {
        File.Delete(Path.Combine(folder, Key));
        await File.WriteAllTextAsync(Path.Combine(folder, OtherKey), new string('y', 200_000), Cancellation);
        var archive = await WriteAsync();
        await LoseAllAsync();

        var report = FixtureDatabase.Report(await ImportAsync(archive));

        Assert.Equal([Key, OtherKey], report.Archive!.Damaged);
        Assert.Equal(2, await database.ScalarAsync<long>("SELECT count(*) FROM stored_files"));
        Assert.Empty(Files());
    }

    [Fact]
    public async Task An_archive_that_was_cut_off_anywhere_changes_nothing()
    {
        var archive = await WriteAsync();
        await LoseAllAsync();
        var end = archive.Length - 1024; // the two empty blocks at the end of every tar archive
        int[] lengths = [600, 1600, 4096, 50_000, 150_000, end - 1536, end - 700, end - 200];

        foreach (var length in lengths)
        {
            var outcome = await ImportAsync(archive[..length]);

            Assert.IsType<ImportOutcome.NotJson>(outcome);
            await AssertNothingChangedAsync();
        }
    }

    [Theory]
    [InlineData(Key, "is not the one that was backed up")]
    [InlineData("backup.json", "is not the one that its manifest describes")]
    public async Task A_changed_byte_is_found(string name, string said)
    {
        var entries = await EntriesAsync(await WriteAsync());
        await LoseAllAsync();
        var entry = entries.FindIndex(one => one.Name.EndsWith(name, StringComparison.Ordinal));
        entries[entry] = (
            entries[entry].Name,
            [.. Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(entries[entry].Content).Replace('e', 'E'))]
        );
        if (name is "backup.json") // still a fixture
        {
            var text = Encoding.UTF8.GetString(entries[entry].Content).Replace('E', 'e').Replace("One", "Two");
            entries[entry] = (name, Encoding.UTF8.GetBytes(text));
        }

        Assert.Contains(said, await RejectedAsync(await TarAsync(entries)));
        await AssertNothingChangedAsync();
    }

    [Theory]
    [InlineData("files/../x")]
    [InlineData("../x")]
    [InlineData("files//etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("files/.incoming/x")]
    [InlineData("files/")]
    [InlineData("x")]
    public async Task A_path_that_leaves_the_folder_is_refused(string path)
    {
        var entries = await EntriesAsync(await WriteAsync());
        await LoseAllAsync();
        entries.Insert(1, (path, "x"u8.ToArray()));

        Assert.Contains("is not a file below files/", await RejectedAsync(await TarAsync(entries)));
        await AssertNothingChangedAsync();
        Assert.False(File.Exists(Path.Combine(folder, "..", "x")));
    }

    [Fact]
    public async Task A_link_is_refused()
    {
        var entries = await EntriesAsync(await WriteAsync());
        await LoseAllAsync();

        Assert.Contains("is not a file below files/", await RejectedAsync(await TarAsync(entries, linkTo: "/etc")));
        await AssertNothingChangedAsync();
    }

    [Theory]
    [InlineData(TarEntryFormat.Pax, "no complete backup")]
    [InlineData(TarEntryFormat.Gnu, "tar archive. Unpack it")]
    public async Task A_tar_archive_of_other_files_is_told_from_a_backup(TarEntryFormat format, string said)
    {
        Assert.Contains(said, await RejectedAsync(await TarAsync([("dump.json", "[]"u8.ToArray())], format)));
    }

    [Fact]
    public async Task A_missing_file_a_second_one_and_one_that_no_row_names_are_refused()
    {
        var entries = await EntriesAsync(await WriteAsync());
        await LoseAllAsync();

        var missing = await RejectedAsync(await TarAsync([entries[0], entries[1], entries[3]]));
        var twice = await RejectedAsync(await TarAsync([entries[0], entries[1], entries[1], entries[3]]));
        var other = await RejectedAsync(
            await TarAsync([entries[0], entries[1], ("files/bb/x", entries[2].Content), entries[3]])
        );
        var unsigned = await RejectedAsync(await TarAsync(entries[..3]));

        Assert.Contains("It has 1 of 2 files for 2 rows.", missing);
        Assert.Contains($"the file \"{Key}\" twice", twice);
        Assert.Contains("No row names its file \"bb/x\"", other);
        Assert.Contains("no manifest.json at its end", unsigned);
        await AssertNothingChangedAsync();
    }

    [Fact]
    public async Task Records_that_are_refused_take_their_files_back()
    {
        var archive = await WriteAsync();
        await LoseAllAsync();
        await database.ExecuteAsync(
            """
            CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE check_violation; END';
            CREATE TRIGGER no BEFORE INSERT ON stored_files EXECUTE FUNCTION no()
            """
        );

        var outcome = await ImportAsync(archive);
        await database.ExecuteAsync("DROP FUNCTION no() CASCADE");

        Assert.IsType<ImportOutcome.Rejected>(outcome);
        await AssertNothingChangedAsync();
    }

    private async Task<byte[]> WriteAsync()
    {
        var options = new ExportOptions { IsComplete = true };
        var writer = new ArchiveWriter(database.Exporter, Store);
        await using var snapshot = await database.Exporter.OpenSnapshotAsync(options, Cancellation);
        var contents = new ExportManifest(
            "1",
            "m",
            database.Time.GetUtcNow(),
            3,
            new Dictionary<string, ModelManifest>()
        );
        using var archive = new MemoryStream();
        await writer.WriteAsync(snapshot, contents, archive, options, progress: null, Cancellation);
        return archive.ToArray();
    }

    private Task<ImportOutcome> ImportAsync(byte[] archive, ImportOptions? options = null) =>
        new FixtureImporter(database.DataSource, database.Tables, database.Time, Store).ImportAsync(
            new PieceStream(archive, 1000),
            options ?? new ImportOptions(),
            cancellationToken: Cancellation
        );

    private async Task<string> RejectedAsync(byte[] archive) =>
        Assert.IsType<ImportOutcome.NotJson>(await ImportAsync(archive)).Error.Detail;

    private async Task LoseAllAsync()
    {
        await database.EmptyAsync();
        Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
    }

    private async Task AssertNothingChangedAsync()
    {
        Assert.Empty(Files());
        Assert.Equal(
            0,
            await database.ScalarAsync<long>("SELECT (SELECT count(*) FROM challenges) + count(*) FROM stored_files")
        );
    }

    private IEnumerable<string> Files() => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories);

    private async Task PutAsync(string key, string content)
    {
        await using var staged = await Store.StageAsync(
            key,
            new MemoryStream(Encoding.UTF8.GetBytes(content)),
            Cancellation
        );
        await staged.PublishAsync(Cancellation);
    }

    private Task<string> ReadAsync(string key) => File.ReadAllTextAsync(Path.Combine(folder, key), Cancellation);

    private static async Task<List<(string Name, byte[] Content)>> EntriesAsync(byte[] archive)
    {
        var entries = new List<(string, byte[])>();
        await using var tar = new TarReader(new MemoryStream(archive));
        while (await tar.GetNextEntryAsync(copyData: true, Cancellation) is { } entry)
        {
            entries.Add((entry.Name, ((MemoryStream)entry.DataStream!).ToArray()));
        }

        return entries;
    }

    private static async Task<byte[]> TarAsync(
        IEnumerable<(string Name, byte[] Content)> entries,
        TarEntryFormat format = TarEntryFormat.Pax,
        string? linkTo = null
    )
    {
        using var archive = new MemoryStream();
        await using (var tar = new TarWriter(archive, format, leaveOpen: true))
        {
            foreach (var (name, content) in entries)
            {
                TarEntry entry = format switch
                {
                    TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, name),
                    TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
                    _ => new PaxTarEntry(TarEntryType.RegularFile, name),
                };
                entry.DataStream = new MemoryStream(content);
                await tar.WriteEntryAsync(entry, Cancellation);
                if (linkTo is not null && name is "backup.json")
                {
                    var link = new PaxTarEntry(TarEntryType.SymbolicLink, $"files/{Key}") { LinkName = linkTo };
                    await tar.WriteEntryAsync(link, Cancellation);
                }
            }
        }

        return archive.ToArray();
    }
}
