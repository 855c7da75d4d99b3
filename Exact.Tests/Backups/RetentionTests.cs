using System.Globalization;
using Exact.Infrastructure.Backups;

namespace Exact.Tests.Backups;

/// <summary>Which backups <c>Backups:Keep</c> keeps.</summary>
public sealed class RetentionTests
{
    [Theory]
    [InlineData("last=1", "28T20")]
    [InlineData("last=2", "28T20 28T08")]
    [InlineData("daily=2", "28T20 27T20")]
    [InlineData("last=2, daily=2", "28T20 28T08 27T20")]
    [InlineData("weekly=2", "28T20 22T20")] // 22 February 2026 was a Sunday, the last day of its ISO week
    [InlineData("monthly=3", "28T20 31T20")]
    [InlineData(" daily = 1 ,last=3", "28T20 28T08 27T20")]
    public void The_last_ones_and_the_last_of_each_period_are_kept(string keep, string kept)
    {
        var start = DateTimeOffset.Parse("2026-01-20T08:00Z", CultureInfo.InvariantCulture);
        var backups = Enumerable.Range(0, 80).Select(half => Made(start.AddHours(12 * half))).ToList();

        var left = backups.Except(Parse(keep).FindExpired(backups)).Select(backup => $"{backup.TakenAt:dd'T'HH}");

        Assert.Equal(kept.Split(' '), left.Reverse());
    }

    [Fact]
    public void A_backup_that_is_not_verified_neither_counts_nor_outlives_the_next_verified_one()
    {
        var start = DateTimeOffset.Parse("2026-01-20T08:00Z", CultureInfo.InvariantCulture);
        var (old, failed, verified, newest) = (
            Made(start),
            Made(start.AddDays(1)) with
            {
                Verified = false,
            },
            Made(start.AddDays(2)),
            Made(start.AddDays(3)) with
            {
                Verified = false,
            }
        );

        Assert.Equal([old, failed], Parse("last=1").FindExpired([old, failed, verified, newest]));
        Assert.Empty(Parse("last=1").FindExpired([failed, newest]));
        Assert.Equal([failed], Parse("last=2").FindExpired([old, failed, verified, newest]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("7")]
    [InlineData("last")]
    [InlineData("last=-1")]
    [InlineData("last=1.5")]
    [InlineData("yearly=1")]
    [InlineData("last=0,daily=0")]
    [InlineData("last=1;daily=2")]
    public void What_keeps_nothing_or_is_no_list_of_counts_is_refused(string keep) =>
        Assert.False(Retention.TryParse(keep, out _));

    private static Retention Parse(string keep)
    {
        Assert.True(Retention.TryParse(keep, out var retention));
        return retention;
    }

    private static Backup Made(DateTimeOffset at) =>
        new()
        {
            Name = BackupFolder.NameOf(at, operation: 1),
            TakenAt = at,
            Bytes = 1,
            Verified = true,
        };
}
