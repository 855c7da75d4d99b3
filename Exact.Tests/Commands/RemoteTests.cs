using System.Net;
using System.Text;
using Exact.Api.Commands.Remote;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Tests.Support;
using Exact.Tests.Transfer;

namespace Exact.Tests.Commands;

/// <summary>Commands that use a service elsewhere.</summary>
public sealed class RemoteTests(HttpDoors doors) : IClassFixture<HttpDoors>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private string Url => $"http://{doors.PlaceOf(1)}";

    [Fact]
    public async Task A_file_that_is_imported_from_afar_is_exported_from_afar()
    {
        var folder = Directory.CreateTempSubdirectory("exact-remote-").FullName;
        var (key, backup) = (Path.Combine(folder, "key"), Path.Combine(folder, "backup.json"));
        await File.WriteAllTextAsync(key, ExactApp.AdminKey + "\n", CancellationToken);
        await File.WriteAllTextAsync(backup, Sample.Fixture(Sample.Group(1, "é")), Encoding.Latin1, CancellationToken);
        try
        {
            string[] there = ["--url", Url, "--key-file", key];
            await using var import = await RunAsync(["import", backup, "--encoding", "latin1", .. there]);
            await using var export = await RunAsync(["dumpdata", "auth.group", .. there]);
            await using var status = await RunAsync(["status", "--check", .. there]);
            await using var migrate = await RunAsync(["migrate", .. there]);

            Assert.True(await import.WaitForExitAsync() == 0, import.Log);
            Assert.Contains("\"auth.group\"", import.Output);
            Assert.True(await export.WaitForExitAsync() == 0, export.Log);
            Assert.Contains("\"é\"", export.Output);
            Assert.Equal(0, await status.WaitForExitAsync());
            Assert.StartsWith("current: ", status.Output);
            Assert.Equal(0, await migrate.WaitForExitAsync());
            Assert.Equal(("", "The database is up to date; nothing was changed."), (migrate.Output, migrate.Log));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_wrong_key_a_wrong_address_and_a_service_that_is_away_are_each_named_in_one_line()
    {
        using var wrong = new RemoteService(new Uri(Url + "/"), "no key at all");
        using var away = new RemoteService(new Uri("http://127.0.0.1:1/"), ExactApp.AdminKey);
        using var other = new RemoteService(new Uri(Url + "/health/"), ExactApp.AdminKey);

        Assert.StartsWith($"{Url} does not accept the key. Check --key-file", await RefusalAsync(wrong));
        Assert.StartsWith(
            "http://127.0.0.1:1 does not answer: Connection refused. Check --url",
            await RefusalAsync(away)
        );
        Assert.DoesNotContain('\n', await RefusalAsync(other));
    }

    [Fact]
    public async Task A_refused_import_prints_what_the_command_prints_that_has_the_database()
    {
        using var service = OpenService();
        await using var fixture = new MemoryStream(
            Encoding.UTF8.GetBytes(Sample.Fixture(Sample.Group(1, "one"), Sample.Record("api.nope", 1, "")))
        );
        var file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, fixture.ToArray(), CancellationToken);

        var refusal = await Assert.ThrowsAsync<RemoteException>(() =>
            service.ImportAsync(fixture, new ImportOptions { DryRun = true }, CancellationToken)
        );
        await using var local = await ExactProcess.RunAsync(doors.Database.ConnectionString, "import", file);
        File.Delete(file);

        Assert.Equal(await local.WaitForExitAsync(), refusal.ExitCode);
        Assert.Equal(local.Log, string.Join('\n', RemoteTransfers.ErrorsOf(refusal, file)));
    }

    [Fact]
    public async Task What_is_no_fixture_is_told_with_its_place()
    {
        using var service = OpenService();
        await using var content = new MemoryStream("[{]"u8.ToArray());

        var refusal = await Assert.ThrowsAsync<RemoteException>(() =>
            service.ImportAsync(content, new ImportOptions(), CancellationToken)
        );

        var line = Assert.Single(RemoteTransfers.ErrorsOf(refusal, "a.json"));
        Assert.StartsWith("a.json: Line 1, column 3", line);
        Assert.EndsWith("Nothing was changed.", line);
    }

    [Fact]
    public async Task An_option_that_the_service_does_not_accept_was_not_understood()
    {
        using var service = OpenService();

        var refusal = await Assert.ThrowsAsync<RemoteException>(() =>
            service.ExportAsync(Stream.Null, new ExportOptions { Models = ["api.nope"] }, _ => { }, CancellationToken)
        );

        Assert.Equal((2, true), (refusal.ExitCode, refusal.Message.Contains("There is no model 'api.nope'.")));
    }

    [Fact]
    public async Task An_export_that_breaks_off_is_no_export()
    {
        using var listener = new HttpListener();
        var place = $"http://127.0.0.1:{Infrastructure.Database.Embedded.FreePort.Find()}/";
        listener.Prefixes.Add(place);
        listener.Start();
        var serving = Task.Run(
            async () =>
            {
                var context = await listener.GetContextAsync();
                context.Response.ContentLength64 = 100;
                await context.Response.OutputStream.WriteAsync("[\n"u8.ToArray(), CancellationToken);
                await context.Response.OutputStream.FlushAsync(CancellationToken);
                context.Response.Abort();
            },
            CancellationToken
        );
        using var service = new RemoteService(new Uri(place), ExactApp.AdminKey);

        var refusal = await Assert.ThrowsAsync<RemoteException>(() =>
            service.ExportAsync(Stream.Null, new ExportOptions(), _ => { }, CancellationToken)
        );
        await serving;

        Assert.StartsWith($"{place.TrimEnd('/')} does not answer: ", refusal.Message);
    }

    private RemoteService OpenService() => new(new Uri(Url + "/"), ExactApp.AdminKey);

    private static async Task<string> RefusalAsync(RemoteService service) =>
        (
            await Assert.ThrowsAsync<RemoteException>(() =>
                service.GetAsync<MigrationStatus>("api/admin/migrations", CancellationToken)
            )
        ).Message;

    /// <summary>Without a database of its own.</summary>
    private static Task<ExactProcess> RunAsync(string[] arguments) => ExactProcess.RunAsync("", arguments);
}
