using System.Globalization;

namespace Exact.Bench;

/// <summary>
/// A row of the table. Each round gives one ratio, whose two sides ran one after the other; the table has the median of
/// these.
/// </summary>
internal sealed record Figure(string Name, string Target, Unit Unit, Func<double, bool> IsMet)
{
    public static readonly Figure Fill = Ratio(
        "import into an empty schema : `psql \\copy`",
        "≤ 1.0 ×",
        ratio => ratio <= 1
    );
    public static readonly Figure Loaddata = Speedup("import, faster than Django `loaddata`", "≥ 80 ×", 80);
    public static readonly Figure Again = Ratio(
        "re-import, 0 rows written : first import",
        "≤ 1.0 ×",
        ratio => ratio <= 1
    );
    public static readonly Figure Changed = Ratio(
        "import that changes every row : first import",
        "≤ 6.0 ×",
        ratio => ratio <= 6
    );
    public static readonly Figure Dumpdata = Speedup("export, faster than Django `dumpdata`", "≥ 10 ×", 10);
    public static readonly Figure JsonCopy = Ratio(
        "export : `COPY (SELECT json_build_object …)`",
        "< 1.0 ×",
        ratio => ratio < 1
    );
    public static readonly Figure ImportMemory = new(
        "peak memory above idle, import",
        "≤ 64 MiB, the same peak ± 10 %",
        Unit.Mebibytes,
        peak => peak <= 64
    );
    public static readonly Figure ExportMemory = new(
        "peak memory above idle, import and export",
        "≤ 64 MiB, the same peak ± 10 %",
        Unit.Mebibytes,
        peak => peak <= 64
    );
    public static readonly Figure Writers = new(
        "longest wait of a writer, new rows into a table that has as many",
        "≤ 5 s a million",
        Unit.Seconds,
        wait => wait <= 5
    );
    public static readonly Figure Readers = new(
        "longest wait of a reader meanwhile",
        "none (≤ 0.5 s)",
        Unit.Seconds,
        wait => wait <= 0.5
    );

    public static readonly Figure WritersOfChanged = new(
        "longest wait of a writer while every row changes",
        "",
        Unit.Seconds,
        _ => true
    );
    public static readonly Figure ReadersOfChanged = new(
        "longest wait of a reader meanwhile, every row changes",
        "none (≤ 0.5 s)",
        Unit.Seconds,
        wait => wait <= 0.5
    );

    public static readonly Figure Live = Ratio(
        "import from a live Django database : import of its dump",
        "≤ 1.5 ×",
        ratio => ratio <= 1.5
    );
    public static readonly Figure LiveDump = Speedup(
        "import from a live Django database, faster than `dumpdata` and import",
        "≥ 3 ×",
        3
    );
    public static readonly Figure LiveMemory = new(
        "peak memory above idle, import from a live Django database",
        "≤ 64 MiB, the same peak ± 10 %",
        Unit.Mebibytes,
        peak => peak <= 64
    );

    /// <summary>In the order of the table.</summary>
    public static IReadOnlyList<Figure> All =>
        [
            Fill,
            Loaddata,
            Again,
            Changed,
            Dumpdata,
            JsonCopy,
            ImportMemory,
            ExportMemory,
            Writers,
            Readers,
            WritersOfChanged,
            ReadersOfChanged,
            Live,
            LiveDump,
            LiveMemory,
        ];

    private static Figure Ratio(string name, string target, Func<double, bool> isMet) =>
        new(name, target, Unit.Ratio, isMet);

    private static Figure Speedup(string name, string target, double least) =>
        new(name, target, Unit.Speedup, speedup => speedup >= least);

    public double Score(double ours, double? theirs) =>
        Unit switch
        {
            Unit.Ratio => ours / theirs!.Value,
            Unit.Speedup => theirs!.Value / ours,
            _ => ours,
        };

    public string Show(double ours, double? theirs, double? score = null) =>
        Unit switch
        {
            Unit.Mebibytes => Text($"{ours:0} MiB (peak {theirs:0} MiB)"),
            Unit.Seconds => Text($"{ours:0.00} s"),
            _ => Text($"**{score ?? Score(ours, theirs):0.00} ×** ({ours:0.0} s : {theirs:0.0} s)"),
        };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

internal enum Unit
{
    /// <summary>Our seconds by theirs.</summary>
    Ratio,

    /// <summary>Their seconds by ours.</summary>
    Speedup,
    Seconds,
    Mebibytes,
}
