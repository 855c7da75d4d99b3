using Exact.Api.Commands;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Exact.Tests.Files;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Backups;

/// <summary>Where backups may be.</summary>
public sealed class BackupFolderTests(MigratedDatabase database, FauxS3 server)
    : IClassFixture<MigratedDatabase>,
        IClassFixture<FauxS3>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_backup_in_a_bucket_is_verified_and_listed()
    {
        server.SkipIfMissing();
        await using var services = ServicesOf(
            database.ConnectionString,
            new(server.Settings) { ["Backups:Folder"] = "s3://exact/backups" }
        );
        var backups = services.GetRequiredService<BackupService>();

        var backup = await backups.TakeAsync(backups.Folder!, "ada", Cancellation);

        Assert.True(backup.Verified, backup.Error);
        Assert.Equivalent(backup, Assert.Single(await backups.Folder!.ListAsync(Cancellation)), strict: true);
    }

    [Fact]
    public async Task The_commands_take_a_backup_in_a_bucket_by_its_name_and_by_its_address()
    {
        server.SkipIfMissing();
        var settings = new Dictionary<string, string?>(server.Settings) { ["Backups:Folder"] = "s3://exact/commands" };
        await using var services = ServicesOf(database.ConnectionString, settings);
        var backups = services.GetRequiredService<BackupService>();
        await database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('kept', 'Kept', '', '2026-01-01Z', 'ada')
            """
        );
        var name = (await backups.TakeAsync(backups.Folder!, "ada", Cancellation)).Name;
        var environment = settings.ToDictionary(
            setting => setting.Key.Replace(":", "__", StringComparison.Ordinal),
            setting => $"{setting.Value}"
        );
        var address = $"s3://exact/commands/{name}";

        var (verified, _) = await RunAsync(database, "backup", "--verify", address);
        string[][] restores =
        [
            ["import", name],
            ["import", address],
            ["loaddata", name],
            ["loaddata", address],
        ];
        foreach (var command in restores)
        {
            await using var other = new MissingDatabase();
            await other.InitializeAsync();

            var (code, log) = await RunAsync(other, command);

            Assert.True(code == 0, log);
            Assert.Equal("Kept", await other.ScalarAsync<string>("SELECT title FROM challenges"));
        }

        var absent = name.Replace("exact-2", "exact-1", StringComparison.Ordinal);
        var (missing, nothing) = await RunAsync(database, "import", absent);
        var (unknown, none) = await RunAsync(database, "import", $"s3://exact/commands/{absent}");

        Assert.Equal((0, 1, 1), (verified, missing, unknown));
        Assert.Equal(
            $"{absent} cannot be opened: There is no such file, and no backup of this name in Backups:Folder. Nothing was changed.",
            nothing
        );
        Assert.Equal(
            $"s3://exact/commands/{absent} cannot be opened: There is no backup of this name. Nothing was changed.",
            none
        );
        Assert.Equal(
            "command-line succeeded",
            await database.ScalarAsync<string>(
                "SELECT concat_ws(' ', actor, state) FROM operations WHERE kind = 'verification'"
            )
        );

        async Task<(int Code, string Log)> RunAsync(TestDatabase at, params string[] arguments)
        {
            await using var command = await ExactProcess.RunAsync(at.ConnectionString, environment, arguments);
            return (await command.WaitForExitAsync(), command.Log);
        }
    }

    [Fact]
    public async Task A_file_that_exists_goes_before_a_backup_of_its_name()
    {
        const string Name = "exact-20260304T010000Z-2.tar.gz";
        var folder = Directory.CreateTempSubdirectory("exact-backups-").FullName;
        var current = Path.Combine(Directory.GetCurrentDirectory(), Name);
        await File.WriteAllTextAsync(Path.Combine(folder, Name), "of the folder", Cancellation);
        await using var services = ServicesOf(database.ConnectionString, new() { ["Backups:Folder"] = folder });

        var before = await ReadAsync(Name);
        await File.WriteAllTextAsync(current, "of here", Cancellation);
        var after = await ReadAsync(Name);
        var path = await ReadAsync(Path.Combine(folder, Name));
        File.Delete(current);
        Directory.Delete(folder, recursive: true);

        Assert.Equal(("of the folder", true), before);
        Assert.Equal(("of here", false), after);
        Assert.Equal(("of the folder", true), path);

        async Task<(string Content, bool IsBackup)> ReadAsync(string file)
        {
            var found = await BackupFinder.OpenAsync(services, file, to: null, Cancellation);
            using var reader = new StreamReader(found.Content);
            var kept = found.Folder ?? BackupFinder.OpenFolderOf(services, file);
            return (await reader.ReadToEndAsync(Cancellation), kept is not null);
        }
    }

    [Fact]
    public async Task A_place_that_cannot_be_used_is_named_by_its_own_setting()
    {
        var file = Path.GetTempFileName();
        var folder = BackupFolder.Open(file, new());

        var failure = await Assert.ThrowsAsync<FileStoreException>(() =>
            folder.StageAsync("one", new MemoryStream(), Cancellation)
        );
        File.Delete(file);

        Assert.StartsWith("Backups:Folder cannot be used: ", failure.Message);
        server.SkipIfMissing();
        await using var services = ServicesOf(
            database.ConnectionString,
            new(server.Settings) { ["Backups:Folder"] = "s3://nowhere/backups" }
        );
        failure = await Assert.ThrowsAsync<FileStoreException>(() =>
            services.GetRequiredService<BackupService>().Folder!.ListAsync(Cancellation)
        );
        Assert.StartsWith("The bucket Backups:Folder (s3://nowhere/backups) cannot be used: ", failure.Message);
    }

    [Theory]
    [InlineData("/srv/files")]
    [InlineData("/srv/files/backups")]
    [InlineData("/srv/../srv/files/")]
    [InlineData("s3://exact/files/backups")]
    [InlineData("s3://exact/files")]
    public void A_place_among_the_stored_files_is_refused(string folder)
    {
        var files = new FileStoreOptions
        {
            Folder = "/srv/files",
            S3 = new BucketOptions { Bucket = "exact", Prefix = "files/" },
        };

        var refusal = Assert.Throws<SettingException>(() => BackupFolder.Open(folder, files));

        Assert.StartsWith("Backups:Folder must not be inside Files:", refusal.Message);
    }
}
