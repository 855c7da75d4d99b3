using System.Text;
using Exact.Api.Commands;
using Exact.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Spectre.Console;

namespace Exact.Tests.Commands;

/// <summary>How far a command is, on a terminal and elsewhere.</summary>
public sealed class CommandProgressTests
{
    private const char Escape = '\u001b';

    private static readonly Step Half = new("Importing [a].json", 4096, 8192, 4096);

    private readonly FakeTimeProvider time = new();
    private readonly TaskCompletionSource<int> work = new();
    private readonly Output output = new();

    [Fact]
    public async Task A_terminal_shows_a_bar_that_goes_away()
    {
        output.IsTerminal = true;
        var showing = Show(AnsiSupport.Yes);

        await Wait.UntilAsync(
            () =>
            {
                Assert.False(showing.IsFaulted, $"{showing.Exception}");
                time.Advance(TimeSpan.FromMilliseconds(100));
                return Task.FromResult(output.Text.Contains("50%", StringComparison.Ordinal));
            },
            "the bar is drawn"
        );
        work.SetResult(7);

        Assert.Equal(7, await showing);
        Assert.Contains("Importing [a].json: 4 KiB", output.Text);
        Assert.Contains(Escape, output.Text);
    }

    [Fact]
    public async Task Elsewhere_there_is_a_line_every_ten_seconds_without_colours()
    {
        var showing = Show(AnsiSupport.No);
        time.Advance(TimeSpan.FromSeconds(10));
        await Wait.UntilAsync(() => Task.FromResult(output.Text.Length > 0), "a line is written");
        work.SetResult(0);
        await showing;

        Assert.Equal("Importing [a].json: 4 KiB, 409 bytes/s, 50 %, 10 s left", output.Text.Trim());
    }

    [Fact]
    public async Task The_time_left_of_a_step_does_not_count_the_one_before()
    {
        var step = new Step("Backing up");
        var showing = Show(AnsiSupport.No, () => step);
        time.Advance(TimeSpan.FromHours(10));
        await Wait.UntilAsync(() => Task.FromResult(output.Text.Length > 0), "a line is written");
        step = new Step("Verifying", 1, 2);
        await Wait.UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(10));
                return Task.FromResult(output.Text.Contains("left", StringComparison.Ordinal));
            },
            "the time left is written"
        );
        work.SetResult(0);
        await showing;

        Assert.Matches("Verifying, 50 %, [0-9.]+ (s|minutes) left", output.Text);
    }

    [Theory]
    [InlineData(AnsiSupport.Yes)]
    [InlineData(AnsiSupport.No)]
    public async Task What_is_done_at_once_shows_nothing(AnsiSupport ansi)
    {
        output.IsTerminal = ansi is AnsiSupport.Yes;
        work.SetResult(1);

        await Show(ansi);

        Assert.Equal("", output.Text);
    }

    [Fact]
    public async Task A_failure_is_passed_on()
    {
        work.SetException(new InvalidOperationException("no"));

        await Assert.ThrowsAsync<InvalidOperationException>(() => Show(AnsiSupport.No));
    }

    [Fact]
    public async Task What_passes_is_counted()
    {
        var there = new MemoryStream();
        await using var written = new CountedStream(there);
        await written.WriteAsync("one\ntwo\n"u8.ToArray(), TestContext.Current.CancellationToken);
        await using var read = new CountedStream(new MemoryStream(there.ToArray()));
        var isAtStart = read.IsAtEnd;
        await read.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);

        Assert.Equal((8, 2), (written.Bytes, written.Lines));
        Assert.Equal((8, false, true), (read.Bytes, isAtStart, read.IsAtEnd));
    }

    private Task<int> Show(AnsiSupport ansi, Func<Step>? look = null)
    {
        var settings = new AnsiConsoleSettings
        {
            Ansi = ansi,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = ansi is AnsiSupport.Yes ? InteractionSupport.Yes : InteractionSupport.No,
            Out = output,
        };
        return new CommandProgress(AnsiConsole.Create(settings), time).ShowAsync(look ?? (() => Half), work.Task);
    }

    private sealed class Output : IAnsiConsoleOutput
    {
        private readonly StringBuilder written = new();

        public TextWriter Writer => new StringWriter(written);

        public string Text => written.ToString();

        public bool IsTerminal { get; set; }

        public int Width => 160;

        public int Height => 24;

        public void SetEncoding(Encoding encoding) { }
    }
}
