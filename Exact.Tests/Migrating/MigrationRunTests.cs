using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Time.Testing;

namespace Exact.Tests.Migrating;

public sealed class MigrationRunTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider time = new();
    private readonly MigrationRun run;

    public MigrationRunTests() => run = new MigrationRun("test", time);

    [Fact]
    public void Starting_a_migration_completes_the_one_before_it()
    {
        run.Plan(["One", "Two"]);
        run.StartMigration("One");
        time.Advance(TimeSpan.FromSeconds(2));

        run.StartMigration("Two");
        time.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(["One"], run.Applied);
        Assert.Equal((2, 2), (run.Number, run.Total));

        run.Complete();

        Assert.Equal([2, 3], run.Durations.Select(one => one.Seconds));
        Assert.Equal(TimeSpan.FromSeconds(5), run.Elapsed);
    }

    [Fact]
    public void A_failure_names_the_migration()
    {
        run.Plan(["One"]);
        run.StartMigration("One");

        run.Fail("the disk is full");

        Assert.Equal("One: the disk is full", run.Error);
        Assert.Empty(run.Applied);
    }

    [Fact]
    public void A_run_without_work_does_not_belong_in_the_journal() => Assert.False(run.TryClose());

    [Fact]
    public void A_run_is_closed_once()
    {
        run.Plan(["One"]);

        Assert.True(run.TryClose());
        Assert.False(run.TryClose());
    }

    [Fact]
    public void A_blocked_migration_is_retried_until_the_patience_ends()
    {
        run.Plan(["One"]);
        Assert.True(run.MayRetry(Patience, "blocked"));

        time.Advance(Patience - TimeSpan.FromSeconds(1));
        Assert.True(run.MayRetry(Patience, "blocked"));

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(run.MayRetry(Patience, "blocked"));
    }

    [Fact]
    public void An_applied_migration_renews_the_patience()
    {
        run.Plan(["One", "Two"]);
        Assert.True(run.MayRetry(Patience, "blocked"));
        time.Advance(Patience);
        run.StartMigration("One");
        run.StartMigration("Two");

        Assert.True(run.MayRetry(Patience, "blocked"));
    }
}
