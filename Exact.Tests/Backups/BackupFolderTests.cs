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
        var found = await BackupFinder.OpenAsync(
            services,
            $"s3://exact/backups/{backup.Name}",
            to: null,
            Cancellation
        );
        Assert.Equal(backup.Bytes, found.Content.Length);
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
