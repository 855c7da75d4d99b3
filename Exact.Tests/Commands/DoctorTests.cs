using Exact.Api.Commands;
using Exact.Tests.Support;
using Spectre.Console;

namespace Exact.Tests.Commands;

/// <summary><c>doctor</c>: what it finds, and what it says to do.</summary>
public sealed class DoctorTests(ExactApp app) : IClassFixture<ExactApp>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_sound_installation_has_nothing_wrong()
    {
        var findings = await new Doctor(app.Services).ExamineAsync(CancellationToken);

        Assert.All(findings, finding => Assert.True(finding.Health is Health.Ok, finding.Detail));
        string[] examined = ["settings", "key", "folder", "disk", "database", "clock", "schema", "version", "rights"];
        Assert.Equal(examined.Order(), findings.Select(finding => finding.About).Distinct().Order());
    }

    [Fact]
    public async Task Each_thing_that_is_wrong_is_named_with_what_to_do()
    {
        await using var sick = app.WithWebHostBuilder(builder =>
        {
            builder.UseSetting("ConnectionStrings:Exact", "Host=127.0.0.1;Port=1;Username=exact");
            builder.UseSetting("Admin:Key", "");
            builder.UseSetting("Files:Folder", "/nowhere/files");
        });

        var findings = await new Doctor(sick.Services).ExamineAsync(CancellationToken);

        Assert.Contains("Set Admin__KeyFile", Of(findings, "key", Health.Warning));
        Assert.Contains("/nowhere/files) does not exist. Create it", Of(findings, "folder", Health.Wrong));
        Assert.EndsWith("Check ConnectionStrings__Exact and the server.", Of(findings, "database", Health.Wrong));
    }

    [Fact]
    public async Task A_folder_for_backups_and_the_right_to_verify_them_are_examined()
    {
        await using var role = await TestRole.CreateAsync();
        await app.Database.ExecuteAsync($"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role.Name}");
        var folder = Directory.CreateTempSubdirectory("exact-backups-").FullName;
        await using var sound = app.WithWebHostBuilder(builder => builder.UseSetting("Backups:Folder", folder));
        await using var poor = app.WithWebHostBuilder(builder =>
            builder
                .UseSetting("Backups:Folder", folder)
                .UseSetting("ConnectionStrings:ExactMigrator", role.ConnectionString(app.Database.Name))
        );

        var found = await new Doctor(sound.Services).ExamineAsync(CancellationToken);
        var lacking = await new Doctor(poor.Services).ExamineAsync(CancellationToken);
        Directory.Delete(folder);
        var missing = await new Doctor(sound.Services).ExamineAsync(CancellationToken);
        await app.Database.ExecuteAsync($"DROP OWNED BY {role.Name}");

        Assert.All(found, finding => Assert.True(finding.Health is Health.Ok, finding.Detail));
        Assert.Contains(found, finding => finding.Detail == $"Backups:Folder ({folder}) can be written.");
        Assert.Contains(found, finding => finding.Detail.EndsWith("are free for Backups:Folder."));
        Assert.Contains(
            lacking,
            finding => finding is { Health: Health.Wrong, About: "rights" } && IsCreateDb(finding)
        );
        Assert.Contains($"Backups:Folder ({folder}) does not exist", Of(missing, "folder", Health.Wrong));
    }

    private static bool IsCreateDb(Finding finding) => finding.Detail.StartsWith("no backup can be verified.");

    [Fact]
    public void Clocks_that_differ_a_full_disk_and_an_old_server_are_warnings()
    {
        Finding[] findings =
        [
            Doctor.ExamineClock(TimeSpan.FromSeconds(-3)),
            Doctor.ExamineDisk("Files:Folder", 1 << 20),
            Doctor.ExamineServer(new Version(13, 4)),
        ];

        Assert.All(findings, finding => Assert.Equal(Health.Warning, finding.Health));
        Assert.Contains("differs from this one by -3 s. Synchronize both with NTP.", findings[0].Detail);
        Assert.StartsWith("1 MiB are free for Files:Folder.", findings[1].Detail);
        Assert.Equal(Health.Ok, Doctor.ExamineClock(TimeSpan.FromSeconds(1)).Health);
    }

    [Theory]
    [InlineData(AnsiSupport.Yes, true)]
    [InlineData(AnsiSupport.No, false)]
    public void It_has_colours_only_where_there_are_any(AnsiSupport ansi, bool hasColours)
    {
        var written = new StringWriter();
        var console = AnsiConsole.Create(
            new()
            {
                Ansi = ansi,
                ColorSystem = ColorSystemSupport.Standard,
                Out = new AnsiConsoleOutput(written),
            }
        );

        DoctorCommand.Print([new(Health.Wrong, "disk", "[full]")], console);

        Assert.Contains("wrong", written.ToString());
        Assert.EndsWith("disk      [full]\n", written.ToString());
        Assert.Equal(hasColours, written.ToString().Contains('\u001b'));
    }

    private static string Of(IReadOnlyList<Finding> findings, string about, Health health) =>
        findings.Single(finding => finding.About == about && finding.Health == health).Detail;
}
