using Exact.Infrastructure.Database;
using Exact.Infrastructure.Submissions;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Submissions;

public sealed class AllowanceTests(QueueDatabase database) : IClassFixture<QueueDatabase>, IAsyncLifetime
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await database.ClearAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("daily_limit")]
    [InlineData("total_limit")]
    public async Task Ten_at_once_with_one_left_give_one_submission(string limit)
    {
        await database.ChallengeAsync("a", rules: $"{limit}=3");
        await database.SubmitAsync("a");
        await database.SubmitAsync("a");
        await database.SubmitAsync("a", "carl"); // another participant's

        var refusals = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => SubmitAsync("a")));

        Assert.Single(refusals, refusal => refusal is null);
        Assert.All(refusals.OfType<Refusal>(), refusal => Assert.IsType<Refusal.NoneLeft>(refusal));
        Assert.Equal(4, await database.ScalarAsync<long>("SELECT count(*) FROM submissions"));
        Assert.Null(await SubmitAsync("a", "carl"));
    }

    [Fact]
    public async Task What_did_not_fail_by_the_participant_or_was_yesterday_does_not_count()
    {
        await database.ChallengeAsync("a", rules: "daily_limit=1");
        var lost = await database.SubmitAsync("a");
        await database.ExecuteAsync($"UPDATE submissions SET counts = false WHERE id = {lost}");
        await database.SubmitAsync("a");
        await database.ExecuteAsync(
            "UPDATE scores SET created_at = date_trunc('day', now(), 'UTC') - interval '1 microsecond'"
        );

        Assert.Null(await SubmitAsync("a"));
        Assert.IsType<Refusal.NoneLeft>(await SubmitAsync("a"));
    }

    [Theory]
    [InlineData(-1, false)]
    [InlineData(0, false)]
    [InlineData(1, true)]
    public async Task A_deadline_is_exclusive_to_the_microsecond(int microseconds, bool isOpen)
    {
        await database.ChallengeAsync("a");
        await using var scope = database.Services.CreateAsyncScope();
        var context = scope.ServiceProvider.GetRequiredService<ExactDbContext>();
        var door = (await ChallengeDoor.FindAsync(context, "a", "bob", Cancellation))!;
        var options = new SubmissionOptions();

        var closing = door with { ClosesOn = door.Now.AddMicroseconds(microseconds) };
        Assert.Equal(isOpen, closing.Judge("m.py", 1, options) is null);
        var opening = door with { OpensOn = door.Now.AddMicroseconds(microseconds) };
        Assert.Equal(!isOpen, opening.Judge("m.py", 1, options) is null);
        Assert.Equal(TimeSpan.Zero, door.ResetsAt.UtcDateTime.TimeOfDay);
    }

    [Fact]
    public async Task The_clock_is_that_of_the_database_at_the_moment_of_the_submission()
    {
        await database.ChallengeAsync("over", closesOn: "now() - interval '1 microsecond'");
        await database.ChallengeAsync("early", rules: "opens_on=now() + interval '1 hour'");

        Assert.IsType<Refusal.Closed>(await SubmitAsync("over"));
        Assert.IsType<Refusal.NotOpenYet>(await SubmitAsync("early"));
        Assert.IsType<Refusal.NoChallenge>(await SubmitAsync("nowhere"));
    }

    [Theory]
    [InlineData("accepted_types='.py, .zip'", "m.PY", 1, null)]
    [InlineData("accepted_types='.py, .zip'", "m.exe", 1, typeof(Refusal.WrongType))]
    [InlineData("max_bytes=10", "m.py", 10, null)]
    [InlineData("max_bytes=10", "m.py", 11, typeof(Refusal.TooLarge))]
    public async Task The_rules_decide_which_files_are_accepted(string rules, string name, long size, Type? refusal)
    {
        await database.ChallengeAsync("a", rules: rules);

        Assert.Equal(refusal, (await SubmitAsync("a", name: name, size: size))?.GetType());
    }

    [Theory]
    [InlineData(5, 3, null, 9, "2 of 5 left today, resets at 00:00 UTC")]
    [InlineData(5, 3, 10, 3, "2 of 5 left today, resets at 00:00 UTC; 7 of 10 left in all")]
    [InlineData(null, 3, 10, 3, "7 of 10 left")]
    [InlineData(5, 0, 3, 4, "0 of 3 left")]
    [InlineData(null, 3, null, 3, "no limit")]
    public void What_is_left_is_also_a_sentence(int? daily, int today, int? total, int used, string sentence) =>
        Assert.Equal(sentence, new Allowance(daily, today, total, used, default, default).Summary);

    private async Task<Refusal?> SubmitAsync(
        string challenge,
        string username = "bob",
        string name = "m.py",
        long size = 1
    )
    {
        await using var scope = database.Services.CreateAsyncScope();
        var context = scope.ServiceProvider.GetRequiredService<ExactDbContext>();
        await using var transaction = await context.Database.BeginTransactionAsync(Cancellation);
        var (_, refusal) = await scope
            .ServiceProvider.GetRequiredService<SubmissionIntake>()
            .EnqueueAsync(
                new()
                {
                    ChallengeId = challenge,
                    Username = username,
                    MethodName = "m",
                    File = "file",
                    Size = size,
                    Sha256 = "",
                    OriginalName = name,
                },
                Cancellation
            );
        await transaction.CommitAsync(Cancellation);
        return refusal;
    }
}
