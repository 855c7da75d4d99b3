using System.Globalization;
using Exact.Api.AdminConsole;
using Spectre.Console;

namespace Exact.Api.Commands;

/// <summary>How far a command is.</summary>
/// <param name="What">What it does now.</param>
/// <param name="Done">How much is done.</param>
/// <param name="Total">Of how much; null if that is not known.</param>
/// <param name="Bytes">The bytes so far, for the rate; null if they say nothing.</param>
internal sealed record Step(string What, double Done = 0, double? Total = null, long? Bytes = null);

/// <summary>Shows on stderr how far a command is: a bar on a terminal, elsewhere a line now and then.</summary>
internal sealed class CommandProgress(IAnsiConsole console, TimeProvider time)
{
    private static readonly TimeSpan BeforeBar = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan BetweenFrames = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);

    private long started = time.GetTimestamp();
    private string? what;

    /// <summary>The progress on this process's stderr. A bar takes the place of what the log would say.</summary>
    public static CommandProgress Create(IServiceProvider services)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        var progress = new CommandProgress(console, services.GetRequiredService<TimeProvider>());
        if (progress.HasTerminal && services.GetRequiredService<IConfiguration>() is IConfigurationBuilder settings)
        {
            settings.AddInMemoryCollection([new("Logging:LogLevel:Default", "Warning")]);
        }

        return progress;
    }

    private bool HasTerminal => console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi;

    /// <summary>Shows the steps until the work is done.</summary>
    public async Task<T> ShowAsync<T>(Func<Step> look, Task<T> work)
    {
        if (HasTerminal)
        {
            await DrawAsync(look, work);
        }
        else
        {
            while (!await IsDoneWithinAsync(work, BetweenLines))
            {
                var step = look();
                console.Profile.Out.Writer.WriteLine(LineOf(step, ElapsedOf(step)));
            }
        }

        return await work;
    }

    /// <summary>The step as a line.</summary>
    public static string LineOf(Step step, TimeSpan elapsed)
    {
        var parts = new List<string> { RateOf(step, elapsed) };
        if (step is { Total: > 0 and { } total, Done: > 0 and var done })
        {
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"{Math.Min(done / total, 1) * 100:0} %"));
            if (elapsed > TimeSpan.Zero)
            {
                parts.Add($"{Show.Span(elapsed * Math.Max(0, (total - done) / done))} left");
            }
        }

        return string.Join(", ", parts);
    }

    private static string RateOf(Step step, TimeSpan elapsed) =>
        step.Bytes is > 0 and { } bytes && elapsed > TimeSpan.Zero
            ? $"{step.What}: {Show.Bytes(bytes)}, {Show.Bytes((long)(bytes / elapsed.TotalSeconds))}/s"
            : step.What;

    /// <summary>How long the step has taken. One that does something else begins now.</summary>
    private TimeSpan ElapsedOf(Step step)
    {
        if (what is not null && what != step.What)
        {
            started = time.GetTimestamp();
        }

        what = step.What;
        return time.GetElapsedTime(started);
    }

    private async Task DrawAsync(Func<Step> look, Task work)
    {
        if (await IsDoneWithinAsync(work, BeforeBar))
        {
            return; // a bar that only flashes helps nobody
        }

        await console
            .Progress()
            .AutoRefresh(false)
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(),
                new PercentageColumn(),
                new RemainingTimeColumn()
            )
            .StartAsync(async context =>
            {
                var task = context.AddTask(Markup.Escape(look().What));
                do
                {
                    var step = look();
                    task.Description = Markup.Escape(RateOf(step, ElapsedOf(step)));
                    task.IsIndeterminate = step.Total is null;
                    task.MaxValue = step.Total is > 0 and { } total ? total : 1;
                    task.Value = Math.Min(step.Done, task.MaxValue);
                    context.Refresh();
                } while (!await IsDoneWithinAsync(work, BetweenFrames));
            });
    }

    private async Task<bool> IsDoneWithinAsync(Task work, TimeSpan wait)
    {
        using var waiting = new CancellationTokenSource();
        await Task.WhenAny(work, Task.Delay(wait, time, waiting.Token));
        await waiting.CancelAsync();
        return work.IsCompleted;
    }
}
