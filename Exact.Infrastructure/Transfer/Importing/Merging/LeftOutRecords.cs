using Exact.Infrastructure.Transfer.Importing.Staging;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Transfer.Importing.Merging;

/// <summary>
/// With <see cref="ImportMode.Replace"/>: records that were left out although rows are deleted. A misspelled model would otherwise empty
/// a table, for no record takes the place of what is deleted.
/// </summary>
internal sealed class LeftOutRecords(
    StagingArea staging,
    ImportOptions options,
    ImportTally tally,
    FixtureErrors errors
)
{
    /// <summary>Refuses the file, unless the caller has confirmed each of these models by name.</summary>
    public void Refuse()
    {
        if (options.Mode != ImportMode.Replace)
        {
            return;
        }

        var known = staging.Tables.Select(staged => staged.Table.Label).Concat(tally.LeftOut.Keys).ToList();
        foreach (var name in options.Confirmed.Where(name => !known.Any(label => FixtureLabel.IsNamed(label, name))))
        {
            var detail = $"confirm={FixtureError.Shorten(name)} names no model of Exact or of the file.";
            errors.Add(FixtureError.OfFile(FixtureErrorCode.LeftOut, detail));
        }

        foreach (var (label, count) in tally.LeftOut)
        {
            if (!options.Confirmed.Any(name => FixtureLabel.IsNamed(label, name)))
            {
                var records = count == 1 ? "1 record" : $"{count} records";
                var detail =
                    $"mode=replace deletes what the file does not hold, and {records} of {label} would be left out. "
                    + $"Correct the file, or confirm the loss with confirm={label}.";
                errors.Add(FixtureError.OfFile(FixtureErrorCode.LeftOut, detail, label));
            }
        }
    }
}
