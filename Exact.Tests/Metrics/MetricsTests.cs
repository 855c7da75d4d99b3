using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Exact.Tests.Support;

namespace Exact.Tests.Metrics;

/// <summary>What Prometheus, Grafana and a collector of logs get from the service.</summary>
public sealed partial class MetricsTests(MetricsService service) : IClassFixture<MetricsService>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/metrics", HttpStatusCode.OK, HttpStatusCode.NotFound)]
    [InlineData("/health/ready", HttpStatusCode.OK, HttpStatusCode.OK)]
    [InlineData("/api/challenges", HttpStatusCode.NotFound, HttpStatusCode.OK)]
    [InlineData("/api/admin/migrations", HttpStatusCode.NotFound, HttpStatusCode.OK)]
    [InlineData("/admin/sign-in", HttpStatusCode.NotFound, HttpStatusCode.OK)]
    public async Task The_address_of_the_metrics_has_nothing_else_and_no_other_address_has_them(
        string path,
        HttpStatusCode atMetrics,
        HttpStatusCode atService
    )
    {
        using var inside = await service.Client.GetAsync(new Uri(service.Metrics, path), Cancellation);
        using var outside = await service.Client.GetAsync(path, Cancellation);
        using var posing = new HttpRequestMessage(HttpMethod.Get, path)
        {
            Headers = { Host = service.Metrics.Authority },
        };
        using var posed = await service.Client.SendAsync(posing, Cancellation);

        Assert.Equal(atMetrics, inside.StatusCode);
        Assert.Equal(atService, outside.StatusCode);
        Assert.Equal(atService, posed.StatusCode);
        Assert.Equal("nosniff", inside.Headers.GetValues("X-Content-Type-Options").Single());
    }

    [Fact]
    public async Task Prometheus_accepts_the_alert_rules()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/promtool"), "There is no promtool: install the package prometheus.");
        var rules = Path.Combine(Checkout.Repository, "deploy", "prometheus-alerts.yml");
        var start = new ProcessStartInfo("/usr/bin/promtool", ["check", "rules", rules])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var promtool = Process.Start(start)!;
        var said = await promtool.StandardError.ReadToEndAsync(Cancellation);
        await promtool.WaitForExitAsync(Cancellation);

        Assert.True(promtool.ExitCode == 0, said);
    }

    [Theory]
    [InlineData("deploy/grafana-dashboard.json", 20)]
    [InlineData("deploy/prometheus-alerts.yml", 8)]
    public async Task Every_metric_of_the_dashboard_and_of_the_alerts_exists(string file, int expected)
    {
        await Wait.UntilAsync(
            async () => (await ReadAsync()).Contains("exact_submissions_queue_length", StringComparison.Ordinal),
            "the queue has been measured"
        );
        var served = Served().Matches(await ReadAsync()).Select(match => match.Groups[1].Value).ToHashSet();
        var text = await File.ReadAllTextAsync(Path.Combine(Checkout.Repository, file), Cancellation);
        var expressions = file.EndsWith(".json", StringComparison.Ordinal)
            ? JsonElement
                .Parse(text)
                .GetProperty("panels")
                .EnumerateArray()
                .Where(panel => panel.TryGetProperty("targets", out _))
                .SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
                .Select(target => target.GetProperty("expr").GetString()!)
                .ToList()
            : [.. AlertExpression().Matches(text).Select(match => match.Groups[1].Value)];
        var bare = expressions
            .Where(one => !one.StartsWith("up{", StringComparison.Ordinal)) // Prometheus makes it
            .Select(one => Labels().Replace(one, ""))
            .ToList();
        var named = bare.SelectMany(one => Metric().Matches(one)).Select(match => match.Value).ToHashSet();

        Assert.True(expressions.Count >= expected, $"{file} has {expressions.Count} expressions.");
        Assert.All(bare, one => Assert.Matches(Metric(), one));
        Assert.Empty(named.Except(served));
    }

    [Fact]
    public async Task Every_metric_of_Exact_is_documented_and_every_documented_one_exists()
    {
        var text = await ReadAsync();
        var page = await File.ReadAllTextAsync(Path.Combine(Checkout.Repository, "docs", "telemetry.md"), Cancellation);
        var documented = Documented()
            .Matches(page)
            .ToDictionary(match => match.Groups[1].Value.Replace('.', '_'), match => match.Groups[2].Value);

        var served = Served().Matches(text).Select(match => match.Groups[1].Value);
        var ours = served
            .Where(name => name.StartsWith("exact_", StringComparison.Ordinal))
            .Select(name => Suffix().Replace(name, ""));
        Assert.Empty(ours.Except(documented.Keys));
        // A process that applies no migration, and has not compared the schema yet, has no measurement of these.
        var silent = documented.Keys.Except(ours).Where(name => !Rare().IsMatch(name));
        Assert.Empty(silent);
    }

    [Fact]
    public async Task The_age_of_the_last_backup_and_each_kind_of_operation_are_there_from_the_start()
    {
        await Wait.UntilAsync(
            async () => (await ReadAsync()).Contains("exact_backups_last_success_seconds", StringComparison.Ordinal),
            "the last backup is known"
        );
        var text = await ReadAsync();

        Assert.Matches(@"(?m)^exact_backups_last_success_seconds\{[^}]*\} 1767225600( |$)", text);
        foreach (var kind in new[] { "import", "export", "backup", "verification" })
        {
            Assert.Matches($@"(?m)^exact_operations_ended_total\{{[^}}]*kind=""{kind}"",outcome=""failed""", text);
        }
    }

    [Fact]
    public async Task The_log_of_Production_is_JSON_that_names_the_trace_of_a_request()
    {
        await service.Process.WaitForLogAsync("Refused an admin key");

        var events = service
            .Process.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonElement.Parse(line))
            .ToList();
        Assert.All(events, one => Assert.EndsWith("Z", one.GetProperty("Timestamp").GetString()));
        var refused = Assert.Single(events, one => one.GetProperty("EventId").GetInt32() == 1102);
        Assert.Equal("Warning", refused.GetProperty("LogLevel").GetString());
        Assert.Equal("127.0.0.1", refused.GetProperty("State").GetProperty("Address").GetString());
        Assert.Contains(
            refused.GetProperty("Scopes").EnumerateArray(),
            scope => scope.TryGetProperty("TraceId", out var trace) && trace.GetString() == MetricsService.Trace
        );
    }

    private Task<string> ReadAsync() => service.Client.GetStringAsync(service.Metrics, Cancellation);

    /// <summary>The names of the series.</summary>
    [GeneratedRegex(@"^([a-z_]+)[{ ]", RegexOptions.Multiline)]
    private static partial Regex Served();

    [GeneratedRegex(@"\{[^}]*\}|by \([^)]*\)")]
    private static partial Regex Labels();

    /// <summary>The name of a metric in an expression; a function has no such beginning.</summary>
    [GeneratedRegex(@"\b(exact|http|kestrel|dotnet|db|aspnetcore)_[a-z_]+")]
    private static partial Regex Metric();

    [GeneratedRegex(@"^\s+expr: (.+)$", RegexOptions.Multiline)]
    private static partial Regex AlertExpression();

    [GeneratedRegex(@"^\| `(exact\.[a-z_.]+)` \| (counter|gauge|histogram) \|", RegexOptions.Multiline)]
    private static partial Regex Documented();

    [GeneratedRegex("(_seconds)?(_total|_bucket|_sum|_count)?$")]
    private static partial Regex Suffix();

    [GeneratedRegex("^exact_(migrations_(applied|duration|lock_|runs)|schema_drift)")]
    private static partial Regex Rare();
}
