using Exact.Domain;
using Exact.Infrastructure.Files;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Files;

/// <summary>Uploads, and the check of what is stored.</summary>
public sealed class FileCheckTests : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("exact-files-").FullName;
    private readonly MigratedDatabase database;
    private readonly ServiceProvider services;

    public FileCheckTests(MigratedDatabase database)
    {
        this.database = database;
        services = ServicesOf(database.ConnectionString, new() { ["Files:Folder"] = folder });
    }

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        await database.ExecuteAsync("DELETE FROM challenges; DELETE FROM stored_files");

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_saved_upload_is_a_file_and_a_row_that_say_the_same()
    {
        var file = (await SaveAsync("tetris"))!;

        Assert.Equal("data", await File.ReadAllTextAsync(Path.Combine(folder, file.Key), CancellationToken));
        Assert.Equal(
            $"{file.Key} d\"a.csv text/csv 4 3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7 ada",
            await database.ScalarAsync<string>(
                "SELECT concat_ws(' ', key, original_name, content_type, size, sha256, created_by) FROM stored_files"
            )
        );
        Assert.Empty((await CheckAsync()).Findings);
    }

    [Fact]
    public async Task An_upload_whose_rows_are_refused_leaves_neither_row_nor_file()
    {
        Assert.Null(await SaveAsync("tetris", accept: false));
        await database.ExecuteAsync(Challenge("tetris", "NULL"));

        await Assert.ThrowsAnyAsync<Exception>(() => SaveAsync("tetris"));

        Assert.Empty(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories));
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM stored_files"));
    }

    [Fact]
    public async Task What_is_missing_altered_or_orphaned_is_listed()
    {
        var missing = await SaveAsync("a");
        var longer = await SaveAsync("b");
        var altered = await SaveAsync("c");
        var unnamed = await SaveAsync("d");
        File.Delete(Path.Combine(folder, missing!.Key));
        await File.AppendAllTextAsync(Path.Combine(folder, longer!.Key), "!", CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, altered!.Key), "DATA", CancellationToken);
        await database.ExecuteAsync("DELETE FROM challenges WHERE challenge_id = 'd'");
        await PutAsync("stray.txt", "x");

        var found = (await CheckAsync()).Findings;

        Assert.Equivalent(
            new[]
            {
                $"Missing {missing.Key} the dataset of challenge \"a\" is not in the file store",
                $"Altered {longer.Key} has 5 bytes, not 4",
                $"Orphaned {unnamed!.Key} no challenge or submission names it",
                "Orphaned stray.txt no challenge or submission names it",
            },
            found.Where(one => one.Key != altered.Key).Select(one => $"{one.State} {one.Key} {one.Detail}"),
            strict: true
        );
        Assert.Equal(FileState.Altered, found.Single(one => one.Key == altered.Key).State);
    }

    [Fact]
    public async Task Orphans_are_deleted_and_named_files_stay()
    {
        var kept = await SaveAsync("a");
        var unnamed = await SaveAsync("b");
        await database.ExecuteAsync("DELETE FROM challenges WHERE challenge_id = 'b'");
        await PutAsync("c1/stray.txt", "x");
        await PutAsync(".incoming/dead", "x");

        var report = await CheckAsync(deleteOrphans: true);

        Assert.Equal(2, report.Findings.Count);
        Assert.Equal(1, report.Unfinished);
        Assert.All(report.Findings, finding => Assert.Equal(FileState.Deleted, finding.State));
        Assert.False(File.Exists(Path.Combine(folder, unnamed!.Key)));
        Assert.Empty((await CheckAsync()).Findings);
        Assert.True(File.Exists(Path.Combine(folder, kept!.Key)));
    }

    [Fact]
    public async Task Media_of_both_layouts_of_Django_are_adopted_where_they_are()
    {
        await database.ExecuteAsync(
            Challenge("new", "'challenges/new/dataset/data.csv'", "'challenges/new/model/m.pkl'")
        );
        await database.ExecuteAsync(Challenge("old", "'old/data.csv'", "'challenges/old/model/m.pkl'"));
        await PutAsync("challenges/new/dataset/data.csv", "data");
        await PutAsync("new/m.pkl", "model"); // the database names the other layout
        await PutAsync("old/data.csv", "data");
        await PutAsync("challenges/old/model/m.pkl", "model");

        var before = await CheckAsync();
        var adopted = await CheckAsync(adopt: true);

        Assert.Equal(4, before.Findings.Count(finding => finding.State is FileState.NotAdopted));
        Assert.Equal(4, adopted.Findings.Count(finding => finding.State is FileState.Adopted));
        Assert.Empty((await CheckAsync()).Findings);
        Assert.Equal(
            "challenges/new/dataset/data.csv data.csv text/csv 4 ada",
            await database.ScalarAsync<string>(
                """
                SELECT concat_ws(' ', key, original_name, content_type, size, f.created_by)
                FROM stored_files f JOIN challenges ON key = dataset AND f.created_at = challenges.created_at
                WHERE challenge_id = 'new'
                """
            )
        );
        Assert.Equal(
            "new/m.pkl",
            await database.ScalarAsync<string>("SELECT mlmodel FROM challenges WHERE challenge_id = 'new'")
        );
    }

    [Fact]
    public async Task A_path_from_an_import_does_not_lead_out_of_the_store()
    {
        await database.ExecuteAsync(Challenge("a", "'../../etc/passwd'"));

        var found = await CheckAsync(adopt: true, deleteOrphans: true);

        Assert.Equal(FileState.Missing, Assert.Single(found.Findings).State);
    }

    [Fact]
    public async Task The_command_lists_what_is_wrong_and_exits_with_6()
    {
        await PutAsync("stray.txt", "x");
        var settings = new Dictionary<string, string> { ["Files__Folder"] = folder };

        await using var check = await ExactProcess.RunAsync(database.ConnectionString, settings, "files", "check");
        await using var clean = await ExactProcess.RunAsync(
            database.ConnectionString,
            settings,
            "files",
            "check",
            "--delete-orphans"
        );

        Assert.Equal(6, await check.WaitForExitAsync());
        Assert.Equal("orphaned    stray.txt  no challenge or submission names it", check.Output);
        Assert.Contains("Checked 1 files with 1 bytes. Wrong: 1.", check.Log);
        Assert.Equal(0, await clean.WaitForExitAsync());
        Assert.StartsWith("deleted     stray.txt", clean.Output);
        Assert.Equal(
            "files command-line deleted stray.txt",
            await database.ScalarAsync<string>(
                """
                SELECT concat_ws(' ', kind, actor, file ->> 'state', file ->> 'key')
                FROM operations, jsonb_array_elements(figures -> 'files') AS file
                """
            )
        );
    }

    private static string Challenge(string id, string dataset, string model = "NULL") =>
        $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, dataset, mlmodel)
            VALUES ('{id}', 't', '', '2026-11-22 08:00+00', 'ada', {dataset}, {model})
            """;

    private async Task<StoredFile?> SaveAsync(string challengeId, bool accept = true)
    {
        await using var scope = services.CreateAsyncScope();
        var upload = scope.ServiceProvider.GetRequiredService<FileUpload>();
        using var content = new MemoryStream("data"u8.ToArray());
        var file = await upload.ReceiveAsync(content, "d\"a.csv", "text/csv", "ada", 100, CancellationToken);
        var database = scope.ServiceProvider.GetRequiredService<Infrastructure.Database.ExactDbContext>();
        var isSaved = await upload.SaveAsync(
            () =>
            {
                database.Add(
                    new Challenge
                    {
                        ChallengeId = challengeId,
                        Title = "t",
                        Dataset = file.Key,
                    }
                );
                return Task.FromResult(accept);
            },
            CancellationToken
        );
        return isSaved ? file : null;
    }

    private async Task PutAsync(string key, string content)
    {
        var path = Path.Combine(folder, key);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, content, CancellationToken);
    }

    private async Task<FileCheckReport> CheckAsync(bool adopt = false, bool deleteOrphans = false)
    {
        await using var scope = services.CreateAsyncScope();
        return await scope
            .ServiceProvider.GetRequiredService<FileCheck>()
            .RunAsync(adopt, deleteOrphans, CancellationToken);
    }
}
