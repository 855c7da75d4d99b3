using System.Net;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Exact.Tests.Legacy;

/// <summary>The service behind a real server, and the page of a client on another origin of this machine.</summary>
public sealed class LegacySite : ExactApp
{
    private readonly int port = FreePort.Find();
    private readonly int pagePort = FreePort.Find();
    private WebApplication? page;

    public LegacySite() => UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));

    public string Api => $"http://localhost:{port}";

    public string Page => $"http://localhost:{pagePort}/?api={Api}";

    /// <summary>Serves the page.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, pagePort));
        page = builder.Build();
        var html = Path.Combine(AppContext.BaseDirectory, "Legacy", "client.html");
        page.MapGet("/", () => Results.File(html, "text/html"));
        page.MapGet("/favicon.ico", () => Results.NoContent());
        await page.StartAsync(cancellationToken);
    }

    public override async ValueTask DisposeAsync()
    {
        if (page is not null)
        {
            await page.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.UseSetting("Cors:Origins", $"http://localhost:{pagePort}");
    }
}
