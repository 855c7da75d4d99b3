using System.Net;
using System.Net.Http.Headers;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Playwright;

namespace Exact.Tests.AdminConsole;

/// <summary>The service behind a real server, with data, and one browser for all tests of a class.</summary>
public sealed class ConsoleSite : ExactApp, IAsyncLifetime
{
    public const string Chromium = "/usr/bin/chromium";

    private readonly int port = FreePort.Find();
    private readonly (string Name, string Value)[] settings;
    private IPlaywright? playwright;
    private IBrowser? browser;

    public ConsoleSite()
        : this([]) { }

    /// <summary>A service with other settings, which the caller starts.</summary>
    internal ConsoleSite(params (string Name, string Value)[] settings)
        : this(new MigratedDatabase(MigratedTemplate.Current), settings) { }

    /// <summary>The same on this database.</summary>
    internal ConsoleSite(TestDatabase database, params (string Name, string Value)[] settings)
        : base(database)
    {
        this.settings = settings;
        UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
    }

    /// <summary>The folder of the backups.</summary>
    public string Backups { get; } = Directory.CreateTempSubdirectory("exact-backups-").FullName;

    public string Address => $"http://localhost:{port}";

    async ValueTask IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        using var admin = CreateAdmin();
        using var sample = new ByteArrayContent(await File.ReadAllBytesAsync(SampleFile));
        sample.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await admin.PostAsync("/api/admin/import", sample);
        answer.EnsureSuccessStatusCode();
        await SubmitAsync();
    }

    /// <summary>Scores on each of the last thirty days.</summary>
    public Task SubmitAsync() =>
        Database.ExecuteAsync(
            """
            INSERT INTO scores (username, challenge_id, status, created_at, emd_score)
            SELECT 'ada', challenge_id, 'completed', now() - day * interval '1 day', 0.5
            FROM (SELECT min(challenge_id) AS challenge_id FROM challenges) c, generate_series(0, 29) day,
                generate_series(0, 6 + (17 * day) % 11) one;
            ANALYZE
            """
        );

    /// <summary>The invented backup of the repository.</summary>
    public static string SampleFile => Path.Combine(Checkout.Repository, "samples", "backup.json");

    /// <summary>A browser of somebody who has never been here.</summary>
    /// <param name="address">The service to visit.</param>
    /// <param name="script">Whether it runs scripts.</param>
    public async Task<Visitor> VisitAsync(string address, bool script)
    {
        playwright ??= await Playwright.CreateAsync();
        browser ??= await playwright.Chromium.LaunchAsync(
            new() { ExecutablePath = Chromium, Args = ["--no-sandbox", "--disable-dev-shm-usage"] }
        );
        var context = await browser.NewContextAsync(
            new()
            {
                BaseURL = address,
                JavaScriptEnabled = script,
                ViewportSize = new() { Width = 1280, Height = 800 },
                ReducedMotion = ReducedMotion.Reduce,
            }
        );
        context.SetDefaultTimeout((float)Wait.Limit.TotalMilliseconds);
        Assertions.SetDefaultExpectTimeout((float)Wait.Limit.TotalMilliseconds);
        return new Visitor(context, await context.NewPageAsync(), address);
    }

    public override async ValueTask DisposeAsync()
    {
        if (browser is not null)
        {
            await browser.DisposeAsync();
        }

        playwright?.Dispose();
        await base.DisposeAsync();
        Directory.Delete(Backups, recursive: true);
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.UseSetting("Backups:Folder", Backups);
        foreach (var (name, value) in settings)
        {
            builder.UseSetting(name, value);
        }
    }
}
