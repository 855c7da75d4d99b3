using System.Net.Http.Json;
using System.Text.Json;
using Exact.Api.Worker;
using Exact.Domain;
using Exact.Tests.Submissions;
using Exact.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exact.Tests.Worker;

/// <summary>The reference worker, with real commands of the shell.</summary>
public sealed class WorkerTests(SubmissionsApp app) : IClassFixture<SubmissionsApp>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_command_gets_the_legacy_environment_and_the_code_also_as_a_file()
    {
        const string Command = """
            [ "$worker_id" = w1 ] && [ -n "$challenge_id" ] && [ "$xai_method" = "print(1)" ] || exit 3
            [ "$(cat "$XAI_METHOD_FILE")" = "print(1)" ] && [ -z "$EXACT_TOKEN$Admin__Key" ] || exit 4
            echo "measuring"; echo "EMD Mean: -0.7"; echo "EMD Std: 1e-1"
            """;
        var submission = await EvaluateAsync(Command);

        Assert.Equal("completed", submission.GetProperty("status").GetString());
        Assert.Equal(-0.7, submission.GetProperty("emd_score").GetDouble());
        Assert.Equal(0.1, submission.GetProperty("emd_std").GetDouble());
        Assert.StartsWith("measuring\n", submission.GetProperty("log").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Code_that_no_variable_can_hold_is_in_the_file_and_the_log_says_so()
    {
        var submission = await EvaluateAsync(
            "[ -z \"$xai_method\" ] && echo \"{\\\"score\\\": $(wc -c < \"$XAI_METHOD_FILE\")}\"",
            code: new string('#', 128 * 1024)
        );

        Assert.Equal(128 * 1024, submission.GetProperty("emd_score").GetDouble());
        Assert.Contains("xai_method is not set: the code has 131072 bytes", submission.GetProperty("log").GetString());
    }

    [Fact]
    public async Task The_longest_code_that_a_variable_can_hold_is_in_the_variable()
    {
        var submission = await EvaluateAsync(
            "echo \"{\\\"score\\\": ${#xai_method}}\"",
            code: new string('#', (128 * 1024) - "xai_method=".Length - 1)
        );

        Assert.Equal(131060, submission.GetProperty("emd_score").GetDouble());
    }

    [Theory]
    [InlineData("echo oops >&2; exit 3", "The metric emd ended with exit code 3.")]
    [InlineData("kill -9 $$", "The metric emd was ended by signal 9, perhaps because it used too much memory.")]
    [InlineData("echo nothing", "The metric emd printed no result.")]
    [InlineData("echo 'EMD Mean: nan'", "The score of the metric emd must be a finite number, not nan.")]
    public async Task A_failure_of_the_method_is_told_and_counts(string command, string error)
    {
        var submission = await EvaluateAsync(command);

        Assert.Equal("failed", submission.GetProperty("status").GetString());
        Assert.StartsWith(error, submission.GetProperty("error_message").GetString(), StringComparison.Ordinal);
        Assert.True(submission.GetProperty("counts").GetBoolean());
    }

    [Fact]
    public async Task A_command_that_cannot_run_is_tried_three_times_and_does_not_count()
    {
        var submission = await EvaluateAsync("no-such-program");

        Assert.Equal("failed", submission.GetProperty("status").GetString());
        Assert.Contains("could not run (exit code 127)", submission.GetProperty("error_message").GetString());
        Assert.Equal(3, submission.GetProperty("attempts").GetInt32());
        Assert.False(submission.GetProperty("counts").GetBoolean());
    }

    [Fact]
    public async Task After_its_time_a_command_is_killed_with_all_that_it_started()
    {
        using var folder = new Folder();
        var submission = await EvaluateAsync(
            $"(trap '' TERM; sleep 300) & echo $! > {folder.Path}/pid; wait",
            timeout: TimeSpan.FromSeconds(0.5)
        );
        var child = int.Parse(await File.ReadAllTextAsync($"{folder.Path}/pid", Cancellation), null);

        Assert.StartsWith(
            "The metric emd did not end within 0.5 seconds",
            submission.GetProperty("error_message").GetString(),
            StringComparison.Ordinal
        );
        await Wait.UntilAsync(() => Task.FromResult(!IsRunning(child)), "the child is gone");
    }

    [Fact]
    public async Task A_worker_that_is_told_to_stop_gives_the_submission_back_and_leaves_nothing()
    {
        using var folder = new Folder();
        var id = await app.SubmitAsync(await app.ChallengeAsync());
        using var stop = new CancellationTokenSource();
        var loop = Loop($"echo $$ > {folder.Path}/pid; sleep 300", folder: folder.Path).RunAsync(stop.Token);
        await Wait.UntilAsync(
            () => Task.FromResult(File.Exists($"{folder.Path}/pid") && new FileInfo($"{folder.Path}/pid").Length > 0),
            "the command runs"
        );
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);

        Assert.Equal("pending", (await app.ReadAsync(id)).GetProperty("status").GetString());
        Assert.Empty(Directory.GetDirectories(folder.Path));
        var command = int.Parse(await File.ReadAllTextAsync($"{folder.Path}/pid", Cancellation), null);
        await Wait.UntilAsync(() => Task.FromResult(!IsRunning(command)), "the command is gone");
    }

    [Fact]
    public async Task A_worker_stops_what_it_evaluates_when_the_submission_is_taken_away()
    {
        using var folder = new Folder();
        var id = await app.SubmitAsync(await app.ChallengeAsync());
        var score = (await app.ReadAsync(id)).GetProperty("score_id").GetInt64();
        using var stop = new CancellationTokenSource();
        var once = $"[ -e {folder.Path}/once ] || {{ touch {folder.Path}/once; sleep 300; }}; echo '{{\"score\": 1}}'";
        var loop = Loop(once, folder: folder.Path).RunAsync(stop.Token);
        await Wait.UntilAsync(() => Task.FromResult(File.Exists($"{folder.Path}/once")), "the command runs");
        using var rerun = await app.Ada.PostAsJsonAsync(
            $"/api/scores/{score}/rerun",
            new { reason = "again" },
            Cancellation
        );

        var submission = await EndAsync(id);
        Assert.Equal("completed", submission.GetProperty("status").GetString());
        Assert.Equal(1, submission.GetProperty("attempts").GetInt32());
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);
    }

    private async Task<JsonElement> EvaluateAsync(string command, string code = "print(1)", TimeSpan? timeout = null)
    {
        using var folder = new Folder();
        var id = await app.SubmitAsync(await app.ChallengeAsync(), code);
        using var stop = new CancellationTokenSource();
        var loop = Loop(command, timeout, folder.Path).RunAsync(stop.Token);
        var submission = await EndAsync(id);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);
        Assert.Empty(Directory.GetDirectories(folder.Path));
        return submission;
    }

    private async Task<JsonElement> EndAsync(long submission)
    {
        JsonElement state = default;
        await Wait.UntilAsync(
            async () =>
            {
                state = await app.ReadAsync(submission);
                return state.GetProperty("status").GetString() is "completed" or "failed";
            },
            "the evaluation has ended"
        );
        return state;
    }

    private WorkerLoop Loop(string command, TimeSpan? timeout = null, string? folder = null) =>
        new(
            new()
            {
                Name = "w1",
                Commands = [new([Metric.Emd], command)],
                Timeout = timeout ?? TimeSpan.FromMinutes(1),
                Folder = folder ?? Path.GetTempPath(),
            },
            new(app.CreateAdmin(), NullLogger.Instance),
            NullLogger.Instance
        );

    /// <summary>Whether a process exists that is more than an exit code nobody has asked for.</summary>
    private static bool IsRunning(int process) =>
        File.Exists($"/proc/{process}/stat")
        && !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("exact-worker-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
