using System.Text.Json;

namespace Exact.Bench;

/// <summary>The import from a live Django database beside the import of its dump, and beside making the dump.</summary>
internal sealed class LiveRounds(Workshop workshop, Figures figures, int scores)
{
    private const string Filled = "live_filled";
    private const string Django = "live_django";
    private const string Target = "live_target";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var dump = await FillAsync(cancellationToken);
        var file = await MeasureAsync(service => service.ImportAsync(dump, cancellationToken), cancellationToken);
        var live = await MeasureAsync(service => service.ImportLiveAsync(cancellationToken), cancellationToken);
        var dumpdata = await workshop.DjangoAsync(Django, DumpTo("/dev/null"), cancellationToken);
        figures.Add(Figure.Live, scores, live.Seconds, file.Seconds);
        figures.Add(Figure.LiveDump, scores, live.Seconds, dumpdata.TotalSeconds + file.Seconds);
        if (OperatingSystem.IsLinux())
        {
            figures.Add(Figure.LiveMemory, scores, live.Memory, live.Peak);
        }
    }

    /// <summary>Fills Django's tables, and dumps them.</summary>
    private async Task<string> FillAsync(CancellationToken cancellationToken)
    {
        var dump = Path.Combine(workshop.Folder, $"live-{scores}.json");
        if (!File.Exists(dump))
        {
            await SameRows.FillAsync(workshop, scores, Filled, Django, cancellationToken);
            await workshop.DjangoAsync(Django, DumpTo(dump), cancellationToken);
        }

        return dump;
    }

    private static string[] DumpTo(string path) => ["dumpdata", "api", "auth.user", "user_api", "--output", path];

    /// <summary>The time of a service whose code is compiled, and the memory of one that has done nothing before.</summary>
    private async Task<(double Seconds, double Memory, double Peak)> MeasureAsync(
        Func<Service, Task<(TimeSpan Time, JsonElement Scores)>> import,
        CancellationToken cancellationToken
    )
    {
        const double Mebibyte = 1024 * 1024;
        double seconds;
        await using (var service = await StartAsync())
        {
            await import(service);
            await workshop.ExecuteAsync(Target, "TRUNCATE users, challenges, scores CASCADE", cancellationToken);
            await workshop.SettleAsync(cancellationToken);
            seconds = (await import(service)).Time.TotalSeconds;
        }

        await using var fresh = await StartAsync();
        var idle = fresh.MarkMemory();
        await import(fresh);
        var peak = fresh.PeakMemory();
        return (seconds, (peak - idle) / Mebibyte, peak / Mebibyte);

        async Task<Service> StartAsync() =>
            await Service.StartAsync(
                await workshop.CreateAsync(Target, cancellationToken),
                cancellationToken,
                workshop.ConnectionString(Django)
            );
    }
}
