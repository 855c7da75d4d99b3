using System.Globalization;

namespace Exact.Infrastructure.Backups;

/// <summary>Which backups are kept: the last ones, and the last of each day, week and month (in UTC).</summary>
internal sealed record Retention(int Last, int Daily, int Weekly, int Monthly)
{
    /// <summary>Reads a list such as <c>last=3, daily=7</c>. What it does not name is not kept.</summary>
    public static bool TryParse(string text, out Retention retention)
    {
        retention = new Retention(0, 0, 0, 0);
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (
                part.Split('=', StringSplitOptions.TrimEntries) is not [var name, var number]
                || !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            )
            {
                return false;
            }

            switch (name)
            {
                case "last":
                    retention = retention with { Last = count };
                    break;
                case "daily":
                    retention = retention with { Daily = count };
                    break;
                case "weekly":
                    retention = retention with { Weekly = count };
                    break;
                case "monthly":
                    retention = retention with { Monthly = count };
                    break;
                default:
                    return false;
            }
        }

        return retention is not { Last: 0, Daily: 0, Weekly: 0, Monthly: 0 };
    }

    /// <summary>The backups that are not kept.</summary>
    /// <remarks>
    /// Only verified backups count. One that is not is deleted when a later one is verified, and never instead of one.
    /// </remarks>
    public IReadOnlyList<Backup> FindExpired(IReadOnlyCollection<Backup> backups)
    {
        var proven = backups.Where(backup => backup.Verified).OrderByDescending(backup => backup.TakenAt).ToList();
        if (proven.Count == 0)
        {
            return [];
        }

        HashSet<Backup> kept =
        [
            proven[0],
            .. proven.Take(Last),
            .. LastOfEach(proven, Daily, at => at.Date.Ticks),
            .. LastOfEach(proven, Weekly, at => (ISOWeek.GetYear(at) * 100) + ISOWeek.GetWeekOfYear(at)),
            .. LastOfEach(proven, Monthly, at => (at.Year * 100) + at.Month),
        ];
        return
        [
            .. backups.Where(backup =>
                !kept.Contains(backup) && (backup.Verified || backup.TakenAt < proven[0].TakenAt)
            ),
        ];
    }

    private static IEnumerable<Backup> LastOfEach(List<Backup> newestFirst, int count, Func<DateTime, long> period) =>
        newestFirst.GroupBy(backup => period(backup.TakenAt.UtcDateTime)).Take(count).Select(group => group.First());
}
