using System.Security.Cryptography;
using Exact.Infrastructure.Files;

namespace Exact.Tests.Files;

/// <summary>What both kinds of store promise.</summary>
public abstract class FileStoreTests
{
    protected static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private protected abstract IFileStore Store { get; }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5 << 20)] // exactly one part of a bucket
    [InlineData((11 << 20) + 7)]
    public async Task A_published_file_is_read_as_it_was_written(int size)
    {
        var content = RandomNumberGenerator.GetBytes(size);
        var key = await PublishAsync(content);

        await using var found = await Store.OpenAsync(key, 0, CancellationToken);

        Assert.Equal(SHA256.HashData(content), await SHA256.HashDataAsync(found, CancellationToken));
        Assert.Equal(size, await Store.FindSizeAsync(key, CancellationToken));
        Assert.Contains((key, size), await ListAsync());
    }

    [Fact]
    public async Task A_file_is_read_from_any_position()
    {
        var content = RandomNumberGenerator.GetBytes((6 << 20) + 3);
        var key = await PublishAsync(content);
        await using var file = new StoredFileStream(Store, key, content.Length);
        var ten = new byte[10];

        foreach (var position in new[] { content.Length - 10, 5, 0, (5 << 20) - 5 })
        {
            file.Seek(position, SeekOrigin.Begin);
            await file.ReadExactlyAsync(ten, CancellationToken);

            Assert.Equal(content[position..(position + 10)], ten);
        }
    }

    [Fact]
    public async Task A_file_that_is_not_published_is_not_found_and_leaves_nothing()
    {
        var key = FileKey.New();
        var staged = await Store.StageAsync(key, new MemoryStream(new byte[6 << 20]), CancellationToken);
        var before = await Store.FindSizeAsync(key, CancellationToken);

        await staged.DisposeAsync();

        Assert.Null(before);
        Assert.Null(await Store.FindSizeAsync(key, CancellationToken));
        Assert.DoesNotContain(await ListAsync(), found => found.Key == key);
        AssertNothingIsUnfinished();
    }

    [Fact]
    public async Task A_file_that_breaks_off_leaves_nothing()
    {
        var key = FileKey.New();

        await Assert.ThrowsAsync<StoredFileTooLargeException>(() =>
            Store.StageAsync(key, new HashedStream(new MemoryStream(new byte[7 << 20]), 6 << 20), CancellationToken)
        );

        Assert.Null(await Store.FindSizeAsync(key, CancellationToken));
        AssertNothingIsUnfinished();
    }

    [Fact]
    public async Task A_deleted_file_is_not_found_and_deleting_it_again_is_no_error()
    {
        var key = await PublishAsync([1, 2, 3]);

        await Store.DeleteAsync(key, CancellationToken);
        await Store.DeleteAsync(key, CancellationToken);

        Assert.Null(await Store.FindSizeAsync(key, CancellationToken));
        await Assert.ThrowsAsync<FileMissingException>(() => Store.OpenAsync(key, 0, CancellationToken));
    }

    [Fact]
    public async Task A_file_that_is_published_again_replaces_the_former_one()
    {
        var key = await PublishAsync([1, 2, 3]);

        await PublishAsync([4], key);

        Assert.Equal(1, await Store.FindSizeAsync(key, CancellationToken));
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("a/../../secret")]
    [InlineData("/etc/passwd")]
    [InlineData("a//b")]
    [InlineData("./a")]
    [InlineData("a\\..\\b")]
    [InlineData("C:/a")]
    [InlineData("a\0b")]
    [InlineData(".incoming/a")]
    [InlineData("")]
    public async Task A_key_that_leads_out_of_the_store_is_not_found(string key)
    {
        Assert.Null(await Store.FindSizeAsync(key, CancellationToken));
        await Assert.ThrowsAsync<FileMissingException>(() => Store.OpenAsync(key, 0, CancellationToken));
        await Store.DeleteAsync(key, CancellationToken);
    }

    [Fact]
    public async Task A_path_of_Django_is_a_key()
    {
        var key = $"challenges/größe {Guid.NewGuid():N}/model/x y.pkl";

        await PublishAsync([1, 2, 3], key);

        Assert.Equal(3, await Store.FindSizeAsync(key, CancellationToken));
        Assert.Contains((key, 3), await ListAsync());
    }

    /// <summary>Looks for remains where nobody finds a file. The S3 server of the tests cannot list its own.</summary>
    private protected virtual void AssertNothingIsUnfinished() { }

    private protected async Task<string> PublishAsync(byte[] content, string? key = null)
    {
        key ??= FileKey.New();
        await using var staged = await Store.StageAsync(key, new MemoryStream(content), CancellationToken);
        await staged.PublishAsync(CancellationToken);
        return key;
    }

    private async Task<IReadOnlyList<(string Key, long Size)>> ListAsync()
    {
        var all = new List<(string, long)>();
        await foreach (var file in Store.ListAsync(CancellationToken))
        {
            all.Add(file);
        }

        return all;
    }
}

public sealed class FolderStoreTests : FileStoreTests, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("exact-files-").FullName;

    public FolderStoreTests() =>
        Store = new FolderStore(Directory.CreateDirectory(Path.Combine(folder, "files")).FullName);

    private protected override IFileStore Store { get; }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_link_does_not_lead_out_of_the_folder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows lets only administrators make links");
        await PublishAsync([1]);
        await File.WriteAllTextAsync(Path.Combine(folder, "secret"), "secret", CancellationToken);
        File.CreateSymbolicLink(Path.Combine(folder, "files", "link"), Path.Combine(folder, "secret"));
        Directory.CreateSymbolicLink(Path.Combine(folder, "files", "out"), folder);

        foreach (var key in new[] { "link", "out/secret" })
        {
            Assert.Null(await Store.FindSizeAsync(key, CancellationToken));
            await Assert.ThrowsAsync<FileMissingException>(() => Store.OpenAsync(key, 0, CancellationToken));
            await Store.DeleteAsync(key, CancellationToken);
        }

        Assert.True(File.Exists(Path.Combine(folder, "secret")));
    }

    [Fact]
    public async Task Only_the_remains_of_dead_processes_are_deleted()
    {
        await using var receiving = await Store.StageAsync(FileKey.New(), new MemoryStream([1]), CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "files", ".incoming", "dead"), "", CancellationToken);

        Assert.Equal(1, Store.DeleteUnfinished());

        await receiving.PublishAsync(CancellationToken);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_used_is_named()
    {
        var file = Path.Combine(folder, "file");
        await File.WriteAllTextAsync(file, "", CancellationToken);

        var failure = await Assert.ThrowsAsync<FileStoreException>(() =>
            new FolderStore(file).StageAsync(FileKey.New(), new MemoryStream(), CancellationToken)
        );

        Assert.StartsWith("Files:Folder cannot be used: ", failure.Message);
    }

    [Fact]
    public async Task A_folder_that_is_missing_is_created_with_the_first_file_unless_it_must_exist()
    {
        var missing = Path.Combine(folder, "below", "missing");
        var failure = await Assert.ThrowsAsync<FileStoreException>(() =>
            new FolderStore(missing, mustExist: true).StageAsync(FileKey.New(), new MemoryStream(), CancellationToken)
        );
        Assert.Contains($"{missing} does not exist", failure.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(missing));

        await using var staged = await new FolderStore(missing).StageAsync(
            FileKey.New(),
            new MemoryStream(),
            CancellationToken
        );

        Assert.True(Directory.Exists(missing));
    }

    private protected override void AssertNothingIsUnfinished() =>
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(folder, "files", ".incoming")));
}

public sealed class BucketStoreTests : FileStoreTests, IClassFixture<FauxS3>, IDisposable
{
    private readonly FauxS3 server;
    private readonly BucketStore store;

    public BucketStoreTests(FauxS3 server)
    {
        server.SkipIfMissing();
        this.server = server;
        store = new BucketStore(server.Options);
    }

    private protected override IFileStore Store => store;

    public void Dispose() => store?.Dispose();

    [Fact]
    public async Task A_bucket_that_does_not_exist_is_a_failure_and_no_missing_file()
    {
        using var other = new BucketStore(
            new()
            {
                Bucket = "nobody",
                ServiceUrl = server.Options.ServiceUrl,
                PathStyle = true,
                AccessKey = "test",
                SecretKey = "test",
            }
        );

        var failure = await Assert.ThrowsAsync<FileStoreException>(() =>
            other.OpenAsync(FileKey.New(), 0, CancellationToken)
        );

        Assert.StartsWith("The bucket Files:S3 cannot be used: ", failure.Message);
    }

    [Fact]
    public async Task Objects_outside_the_prefix_are_not_listed()
    {
        await server.Client.PutObjectAsync(
            new()
            {
                BucketName = server.Options.Bucket,
                Key = "elsewhere",
                ContentBody = "x",
            },
            CancellationToken
        );

        await foreach (var (key, _) in store.ListAsync(CancellationToken))
        {
            Assert.NotEqual("elsewhere", key);
        }
    }
}
